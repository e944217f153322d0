// SPDX-License-Identifier: Apache-2.0
//
// HTTP requests to servers, many at a time on one thread, by libcurl's multi interface; connections are kept and used
// again. Everything but wake() belongs to the export thread. Made before the sandbox is shut, so that what TLS and name
// resolution load is there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processor/config/http_options.h"
#include "shared/result.h"

namespace splitprof::http {

struct Request {
  std::string method = "POST";
  std::string url;
  std::vector<std::string> headers;         // "Name: value", besides those of the server's options
  std::shared_ptr<const std::string> body;  // null: none. Sent as it stands
  uint64_t max_answer_bytes = 64u << 20;    // more is an error
};

struct Response {
  int status = 0;
  std::string body;
  std::string retry_after;  // header, as it came; empty: none
  std::string product;      // header X-Elastic-Product
};

struct ServerState;

// How one kind of server is spoken to: TLS, proxy, credentials, time. Prepared once, from the configuration; files of
// certificates are read here, before the sandbox is shut.
class Server {
 public:
  static Result<std::unique_ptr<Server>> prepare(const HttpOptions& options);
  ~Server();

 private:
  friend class Client;
  explicit Server(std::unique_ptr<ServerState> state);
  std::unique_ptr<ServerState> state_;
};

class Client {
 public:
  // An error: no answer came, and why in libcurl's words, without secrets. Errc::io, when there was no connection at
  // all, malformed, when the URL is none: nothing was sent. Errc::timed_out, gone, too_large: the server may have read
  // the request.
  using Done = std::function<void(Result<Response>)>;

  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `done` is called from run(), never from here. `server` outlives the request.
  uint64_t start(const Server& server, Request request, Done done);
  // Its `done` is not called any more.
  void cancel(uint64_t number);
  size_t running() const;
  // Goes on with what is under way; waits at most `timeout_ns` for something to happen, or for wake().
  void run(uint64_t timeout_ns);
  // From any thread.
  void wake();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::http
