// SPDX-License-Identifier: Apache-2.0
//
// An HTTP server on loopback that says what the test wants, byte for byte, or nothing. A thread for each connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shared/check.h"

namespace splitprof::http {

class ScriptedServer {
 public:
  struct Call {
    std::string head;  // request line and headers
    std::string body;
    size_t number = 0;  // of all calls, from 0
  };
  // The whole answer, or nothing: then the connection is cut.
  using Script = std::function<std::string(const Call&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener_, 64) == 0);
    CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    for (const int fd : connections_) close(fd);
  }

  std::string url(const std::string& path = "") const { return "http://127.0.0.1:" + std::to_string(port) + path; }
  std::vector<Call> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  size_t connections() {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }

  uint16_t port = 0;

 private:
  void accept_all() {
    for (int fd = 0; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
      const std::lock_guard lock(mutex_);
      connections_.push_back(fd);
      threads_.emplace_back([this, fd] {
        while (answer(fd)) {
        }
        shutdown(fd, SHUT_RDWR);
      });
    }
  }
  bool answer(int fd) {
    Call call;
    char bytes[1 << 16];
    size_t end = 0;
    while ((end = call.head.find("\r\n\r\n")) == std::string::npos) {
      const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      call.head.append(bytes, static_cast<size_t>(got));
    }
    call.body = call.head.substr(end + 4);
    call.head.resize(end + 2);
    const auto at = call.head.find("Content-Length: ");
    const size_t length = at == std::string::npos ? 0 : std::strtoull(call.head.c_str() + at + 16, nullptr, 10);
    while (call.body.size() < length) {
      const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      call.body.append(bytes, static_cast<size_t>(got));
    }
    {
      const std::lock_guard lock(mutex_);
      call.number = calls_.size();
      calls_.push_back(call);
    }
    const auto text = script_(call);
    return !text.empty() && send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  Script script_;
  int listener_;
  std::thread acceptor_;
  std::mutex mutex_;  // guards what follows
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  std::vector<Call> calls_;
};

inline std::string answer(int status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

}  // namespace splitprof::http
