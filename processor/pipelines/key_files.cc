// SPDX-License-Identifier: Apache-2.0
#include "processor/pipelines/key_files.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace splitprof {
namespace {

constexpr size_t kMaxBytes = 4u << 20;  // a bundle of all public authorities has 220 KiB

Result<> read_key_file(std::string& path, std::string& pem) {
  if (path.empty()) return Ok{};
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, "{}: {}", path, std::strerror(errno));
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxBytes) return fail(Errc::too_large, "{}: more than {} bytes", path, kMaxBytes);
  if (text.find("-----BEGIN") == std::string::npos)
    return fail(Errc::malformed, "{}: no PEM text: there is no line that starts with -----BEGIN", path);
  pem = std::move(text);
  path.clear();
  return Ok{};
}

}  // namespace

Result<> read_key_files(TlsOptions& tls) {
  TRY(read_key_file(tls.ca_file, tls.ca_pem));
  TRY(read_key_file(tls.cert_file, tls.cert_pem));
  return read_key_file(tls.key_file, tls.key_pem);
}

}  // namespace splitprof
