// SPDX-License-Identifier: Apache-2.0
#include "loopback.h"

#include <fmt/format.h>
#include <kj/io.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace splitprof {

LoopbackAnswer post(uint16_t port, const std::string& path, const std::vector<std::string>& headers,
                    const std::string& body) {
  LoopbackAnswer answer;
  const kj::AutoCloseFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return answer;
  std::string request = fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", path, body.size());
  for (const auto& header : headers) request += header + "\r\n";
  request += "\r\n" + body;
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t now = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) break;  // an answer may have come before all was sent
    sent += static_cast<size_t>(now);
  }
  std::string text;
  char buffer[65536];
  for (;;) {
    const size_t end = text.find("\r\n\r\n");
    if (end != std::string::npos) {
      answer.headers = text.substr(0, end + 2);
      answer.body = text.substr(end + 4);
      answer.status = std::stoi(text.substr(text.find(' ') + 1));
      const size_t length = answer.headers.find("Content-Length: ");
      if (length != std::string::npos && answer.body.size() >= std::stoul(answer.headers.substr(length + 16)))
        return answer;
    }
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return answer;
    text.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace splitprof
