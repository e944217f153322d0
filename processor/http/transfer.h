// SPDX-License-Identifier: Apache-2.0
//
// Transfer: one request as libcurl sees it, from its options to its outcome. The client runs it. Export thread.
#pragma once

#include <curl/curl.h>

#include <array>
#include <string>

#include "processor/http/server_state.h"

namespace splitprof::http {

// Stays where it is: libcurl has its address.
class Transfer {
 public:
  Transfer(ServerState& server, Request request, Client::Done done);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Makes the handle ready to run.
  Result<> set_up();
  CURL* handle() const { return easy_; }
  ServerState& server() const { return server_; }
  // Calls `done` with what came.
  void finish(CURLcode result);
  void finish(const Error& never_began);

 private:
  static size_t on_body(char* bytes, size_t, size_t size, void* context);
  static size_t on_header(char* bytes, size_t, size_t size, void* context);
  Error error_of(CURLcode result) const;
  std::string described() const;

  ServerState& server_;
  Request request_;
  Client::Done done_;
  Response response_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> reason_{};
  size_t header_bytes_ = 0;
  bool too_large_ = false;
};

}  // namespace splitprof::http
