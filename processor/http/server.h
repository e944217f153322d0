// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 server on a thread of its own, for the telemetry page and the otlp receiver. Sockets are made before
// the sandbox is shut, the thread is started after it. Everything that a client decides is bounded: headers, bodies,
// connections and how long each may take. No TLS: it is meant for this host. Handlers run on the server's thread.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/telemetry/named_metric.h"
#include "shared/result.h"

namespace splitprof::http {

// One for each address of a host name, all with the same port.
struct ListeningSockets {
  std::vector<kj::AutoCloseFd> fds;
  uint16_t port = 0;
};
// `host`: a name or an address, IPv4 or IPv6 without brackets. `port` 0: a free one. Addresses that this host does not
// have (IPv6 switched off) are left out, as long as one is there.
Result<ListeningSockets> listen(const std::string& host, uint16_t port);

// A request that was received whole.
struct Call {
  std::string path, query;  // query: without '?'
  std::string content_type, content_encoding, accept;
  std::string body;  // as sent: not decompressed
};
struct Answer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};
// Computes, does not wait: while it runs no other request is answered.
using Handler = std::function<Answer(Call)>;
struct Route {
  std::string method = "GET";  // or "POST"; HEAD is answered by GET's route
  std::string path;
  uint64_t max_body_bytes = 0;  // more is answered with 413
  Handler handler;
};

struct LocalServiceLimits {
  unsigned connections = 64;                    // one more is closed at once
  uint64_t body_bytes_in_flight = 64u << 20;    // of all requests together; more is answered with 503
  uint64_t header_timeout_ns = 10'000'000'000;  // from a connection or a request's first byte to the end of its header
  uint64_t body_timeout_ns = 30'000'000'000;
  uint64_t answer_timeout_ns = 30'000'000'000;
  uint64_t idle_timeout_ns = 60'000'000'000;  // between requests
};

class LocalService {
 public:
  // `thread_name`: at most 15 characters.
  static std::unique_ptr<LocalService> start(std::string thread_name, ListeningSockets sockets,
                                             std::vector<Route> routes, LocalServiceLimits limits = {});
  ~LocalService();  // cuts what is under way, and waits for the thread
  LocalService(const LocalService&) = delete;
  LocalService& operator=(const LocalService&) = delete;

  std::vector<NamedMetric> metrics() const;  // from any thread

 private:
  struct State;
  explicit LocalService(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::http
