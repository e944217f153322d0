// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/htl_hash.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "processor/elf/file.h"

namespace splitprof {
namespace {

constexpr size_t kPartBytes = 4096;
constexpr size_t kHashBytes = 16;
constexpr size_t kFewestDigits = 16;
// Where no build id is known: both halves are 2^64 - 3.
constexpr std::string_view kUnknownKernel = "fffffffffffffffdfffffffffffffffd";

void append_big_endian(std::vector<std::byte>& out, uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(number >> shift));
}

Result<> append_part(ReadableFile& file, uint64_t offset, size_t size, std::vector<std::byte>& out) {
  const size_t before = out.size();
  out.resize(before + size);
  const size_t n = TRY(file.read_at(offset, std::span(out).subspan(before)));
  if (n != size) return fail(Errc::truncated, "{} of {} bytes at {}: the file has changed", n, size, offset);
  return Ok{};
}

}  // namespace

Result<std::string> read_htl_hash(ReadableFile& file) {
  const uint64_t size = file.identity().size;
  const size_t part = std::min<uint64_t>(size, kPartBytes);
  std::vector<std::byte> input;
  input.reserve(2 * kPartBytes + sizeof(size));
  TRY(append_part(file, 0, part, input));
  TRY(append_part(file, size - part, part, input));
  append_big_endian(input, size);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(input.data(), input.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    return fail(Errc::io, "libcrypto has no SHA-256");
  return hex(std::as_bytes(std::span(digest)).first(kHashBytes));
}

std::string kernel_htl_hash(std::string_view build_id) {
  if (build_id.size() < kFewestDigits) return std::string(kUnknownKernel);
  // "The FNV Non-Cryptographic Hash Algorithm" (draft-eastlake-fnv), 128 bits; the prime is 2^88 + 0x13b.
  unsigned __int128 hash = static_cast<unsigned __int128>(0x6c62272e07bb0142) << 64 | 0x62b821756295c58d;
  constexpr auto kPrime = (static_cast<unsigned __int128>(1) << 88) + 0x13b;
  for (const char digit : build_id) hash = (hash ^ static_cast<uint8_t>(digit)) * kPrime;
  std::vector<std::byte> bytes;
  append_big_endian(bytes, static_cast<uint64_t>(hash >> 64));
  append_big_endian(bytes, static_cast<uint64_t>(hash));
  return hex(bytes);
}

}  // namespace splitprof
