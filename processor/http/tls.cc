// SPDX-License-Identifier: Apache-2.0
#include "processor/http/tls.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

namespace splitprof::http {
namespace {

constexpr size_t kMaxPemBytes = 16u << 20;  // the system's list has 220 kB on Debian 12

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

// One of the two ways in which a PEM can be given; empty: neither.
struct Pem {
  std::string where, text;
};

Result<Pem> read_pem(const std::string& key, const std::string& path, const std::string& text) {
  if (path.empty()) return Pem{"tls." + key + "_pem", text};
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, "tls.{}_file: {}: {}", key, path, strerror(errno));
  std::string bytes(kMaxPemBytes + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  if (bytes.size() > kMaxPemBytes)
    return fail(Errc::too_large, "tls.{}_file: {}: more than {} bytes", key, path, kMaxPemBytes);
  return Pem{fmt::format("tls.{}_file: {}", key, path), std::move(bytes)};
}

// What went wrong last in OpenSSL, in its words; they hold no secrets.
std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown reason";
}

Bio over(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::vector<Certificate>> certificates_of(const Pem& pem) {
  std::vector<Certificate> found;
  const Bio bio = over(pem.text);
  while (Certificate one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) found.push_back(std::move(one));
  // The end of the text looks like this, too.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return fail(Errc::malformed, "{}: certificate {}: {}", pem.where, found.size() + 1, openssl_reason());
  ERR_clear_error();
  if (found.empty()) return fail(Errc::malformed, "{}: there is no certificate in it", pem.where);
  return found;
}

Result<Key> key_of(const Pem& pem) {
  const Bio bio = over(pem.text);
  const auto no_password = [](char*, int, int, void*) { return -1; };
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return fail(Errc::malformed, "{}: no private key without a password: {}", pem.where, openssl_reason());
  return key;
}

Result<long> version_number(const std::string& key, const std::string& text, long when_empty) {
  if (text.empty()) return when_empty;
  if (text == "1.0") return static_cast<long>(CURL_SSLVERSION_TLSv1_0);
  if (text == "1.1") return static_cast<long>(CURL_SSLVERSION_TLSv1_1);
  if (text == "1.2") return static_cast<long>(CURL_SSLVERSION_TLSv1_2);
  if (text == "1.3") return static_cast<long>(CURL_SSLVERSION_TLSv1_3);
  return fail(Errc::malformed, "tls.{}: \"{}\" is none of 1.0, 1.1, 1.2, 1.3", key, text);
}

}  // namespace

struct Tls::State {
  Store trusted;
  bool system_wanted = false;  // its list belongs into `trusted`, and is not there yet
  std::string system_missing;
  std::vector<Certificate> own;  // the first is ours, the others lead to its authority
  Key own_key;
  long version = 0;
  bool verify = true;
};

Tls::Tls(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tls::~Tls() = default;

Result<std::unique_ptr<Tls>> Tls::prepare(const TlsOptions& options) {
  auto state = std::make_unique<State>();
  state->verify = !options.insecure_skip_verify;
  const long oldest = TRY(version_number("min_version", options.min_version, CURL_SSLVERSION_TLSv1_2));
  const long newest = TRY(version_number("max_version", options.max_version, 0));
  if (newest != 0 && newest < oldest)
    return fail(Errc::malformed, "tls.max_version {} is below min_version", options.max_version);
  state->version = oldest | newest << 16;  // CURL_SSLVERSION_MAX_… of curl.h

  state->trusted.reset(X509_STORE_new());
  if (!state->trusted) return fail(Errc::io, "no memory for certificates");
  // An authority in between, or the server's own certificate, may be all that is trusted; as in Go.
  X509_STORE_set_flags(state->trusted.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  const Pem authorities = TRY(read_pem("ca", options.ca_file, options.ca_pem));
  if (!authorities.text.empty() || !options.ca_file.empty())
    for (const auto& one : TRY(certificates_of(authorities))) X509_STORE_add_cert(state->trusted.get(), one.get());
  state->system_wanted = authorities.text.empty() || options.include_system_ca_certs_pool;

  const Pem own = TRY(read_pem("cert", options.cert_file, options.cert_pem));
  const Pem key = TRY(read_pem("key", options.key_file, options.key_pem));
  if (own.text.empty() != key.text.empty())
    return fail(Errc::malformed, "tls: a certificate and its key come as a pair; {} is missing or empty",
                own.text.empty() ? "the certificate" : "the key");
  if (!own.text.empty()) {
    state->own = TRY(certificates_of(own));
    state->own_key = TRY(key_of(key));
    if (X509_check_private_key(state->own.front().get(), state->own_key.get()) != 1) {
      ERR_clear_error();
      return fail(Errc::malformed, "{}: the key does not belong to the certificate of {}", key.where, own.where);
    }
  }
  return std::unique_ptr<Tls>(new Tls(std::move(state)));
}

bool Tls::apply(ssl_ctx_st* context) {
  if (state_->system_wanted && state_->verify) {
    state_->system_wanted = false;
    const auto file = system_authorities_file();
    if (file.empty() || X509_STORE_load_file(state_->trusted.get(), file.c_str()) != 1)
      state_->system_missing = file.empty() ? "this system has no list of authorities (Debian: package ca-certificates)"
                                            : fmt::format("{} could not be read: {}", file, openssl_reason());
    ERR_clear_error();
  }
  SSL_CTX_set1_cert_store(context, state_->trusted.get());
  if (state_->own.empty()) return true;
  if (SSL_CTX_use_certificate(context, state_->own.front().get()) != 1) return false;
  for (size_t i = 1; i < state_->own.size(); ++i)
    if (SSL_CTX_add1_chain_cert(context, state_->own[i].get()) != 1) return false;
  return SSL_CTX_use_PrivateKey(context, state_->own_key.get()) == 1;
}

long Tls::version() const {
  return state_->version;
}

bool Tls::verifies() const {
  return state_->verify;
}

std::string Tls::hint() const {
  return state_->system_missing;
}

std::string system_authorities_file() {
  // The variable and the list of paths are those of Go's crypto/x509 (root_linux.go).
  if (const char* chosen = std::getenv("SSL_CERT_FILE"); chosen != nullptr && *chosen != '\0') return chosen;
  for (const char* path :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"})
    if (access(path, R_OK) == 0) return path;
  return {};
}

}  // namespace splitprof::http
