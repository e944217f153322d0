// SPDX-License-Identifier: Apache-2.0
//
// assembly SECONDS: nearly all time is spent in code that people wrote by hand: OpenSSL's ciphers and digests,
// big-number arithmetic, zlib, and glibc's string functions.
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <array>
#include <cstring>
#include <vector>

#include "../busy.h"

namespace {

using Buffer = std::vector<unsigned char>;

SPLITPROF_KEEP void digest(const EVP_MD* kind, const Buffer& data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> result;
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), result.data(), &size, kind, nullptr);
  asm volatile("" : : "r"(result.data()) : "memory");
}

SPLITPROF_KEEP void encrypt(const EVP_CIPHER* kind, const Buffer& data, Buffer& into) {
  const std::array<unsigned char, 32> key = {1, 2, 3};
  const std::array<unsigned char, 16> iv = {4, 5, 6};
  auto* context = EVP_CIPHER_CTX_new();
  int size = 0;
  EVP_EncryptInit_ex(context, kind, nullptr, key.data(), iv.data());
  EVP_EncryptUpdate(context, into.data(), &size, data.data(), static_cast<int>(data.size()));
  EVP_CIPHER_CTX_free(context);
}

SPLITPROF_KEEP void exponentiate() {
  auto* context = BN_CTX_new();
  auto *base = BN_new(), *power = BN_new(), *modulus = BN_new(), *result = BN_new();
  BN_rand(base, 1024, 0, 0);
  BN_rand(power, 1024, 0, 0);
  BN_rand(modulus, 1024, 0, 1);
  BN_mod_exp(result, base, power, modulus, context);
  for (auto* number : {base, power, modulus, result}) BN_free(number);
  BN_CTX_free(context);
}

SPLITPROF_KEEP void squeeze(const Buffer& data, Buffer& into) {
  uLongf size = into.size();
  compress2(into.data(), &size, data.data(), 32 * 1024, 6);
  auto sum = crc32(0, data.data(), static_cast<uInt>(data.size()));
  sum += adler32(0, data.data(), static_cast<uInt>(data.size()));
  asm volatile("" : "+r"(sum));
}

SPLITPROF_KEEP void strings(Buffer& data, Buffer& into) {
  for (int i = 0; i < 20; i++) {
    std::memcpy(into.data(), data.data(), data.size());
    std::memmove(into.data() + 1, into.data(), data.size() - 1);
    auto equal = std::memcmp(into.data() + 1, data.data(), data.size() - 1);
    data.back() = 0;
    auto length = strlen(reinterpret_cast<char*>(data.data()));
    auto* found = static_cast<unsigned char*>(std::memchr(data.data(), 255, data.size()));
    asm volatile("" : "+r"(equal), "+r"(length), "+r"(found)::"memory");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 5));
  Buffer data(128 * 1024), into(256 * 1024);
  for (size_t i = 0; i < data.size(); i++) data[i] = static_cast<unsigned char>(1 + mix(i) % 254);
  while (Clock::now() < deadline) {
    for (const auto* kind : {EVP_sha1(), EVP_sha256(), EVP_sha512(), EVP_sha3_256(), EVP_md5()}) digest(kind, data);
    for (const auto* kind : {EVP_aes_256_gcm(), EVP_aes_128_cbc(), EVP_aes_256_ctr(), EVP_chacha20_poly1305()})
      encrypt(kind, data, into);
    exponentiate();
    squeeze(data, into);
    strings(data, into);
  }
}
