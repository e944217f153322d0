// SPDX-License-Identifier: Apache-2.0
//
// Tls: which authorities a server's certificate may come from, and which certificate this program shows. Certificates
// are read and checked once and shared by all connections: libcurl would parse the system's 140 authorities for each.
// Only the system's own list is read later, on the first connection that needs it. Export thread.
#pragma once

#include <memory>
#include <string>

#include "processor/config/http_options.h"
#include "shared/result.h"

struct ssl_ctx_st;

namespace splitprof::http {

class Tls {
 public:
  static Result<std::unique_ptr<Tls>> prepare(const TlsOptions& options);
  ~Tls();

  // Of a connection that is about to be made. False: OpenSSL has no memory left.
  bool apply(ssl_ctx_st* context);
  // CURLOPT_SSLVERSION.
  long version() const;
  bool verifies() const;
  // What to add to the message of a failed handshake; empty: nothing.
  std::string hint() const;

 private:
  struct State;
  explicit Tls(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The file with the system's authorities; empty when there is none.
std::string system_authorities_file();

}  // namespace splitprof::http
