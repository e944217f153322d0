// SPDX-License-Identifier: Apache-2.0
//
// Of Server, what only the client sees: the configuration, checked and in the form that libcurl takes. Export thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "processor/http/client.h"
#include "processor/http/reach.h"
#include "processor/http/tls.h"

namespace splitprof::http {

struct ServerState {
  std::unique_ptr<Tls> tls;
  Proxies proxies;
  std::vector<std::string> headers;  // "Name: value", with credentials
  std::vector<std::string> secrets;  // that no message may show
  std::string server_name_override;
  std::string identity;  // no other server's; a path of no file
  uint64_t timeout_ns = 0;
  uint64_t idle_connection_ns = 0;
  uint32_t max_connections = 0;
  uint32_t running = 0;  // requests on a connection

  bool has_header(std::string_view name) const;  // of `headers`, whatever the case
  // `text` without the secrets.
  std::string redacted(std::string text) const;
};

// libcurl's counter of users; each object that calls it holds one.
class Library {
 public:
  Library();
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

}  // namespace splitprof::http
