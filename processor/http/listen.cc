// SPDX-License-Identifier: Apache-2.0
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "processor/http/server.h"

namespace splitprof::http {
namespace {

constexpr int kBacklog = 64;     // connections that the kernel holds until they are accepted
constexpr unsigned kTries = 16;  // to find a port that is free on all addresses

// A socket of `address` that listens on `port` (0: any), or why not.
Result<kj::AutoCloseFd> listen_on(const addrinfo& address, uint16_t port, int& error) {
  kj::AutoCloseFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto failed = [&](const char* what) {
    error = errno;
    return fail(Errc::io, "{}: {}", what, strerror(error));
  };
  if (fd.get() < 0) return failed("socket");
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return failed("SO_REUSEADDR");
  sockaddr_storage with_port{};
  memcpy(&with_port, address.ai_addr, address.ai_addrlen);
  if (address.ai_family == AF_INET6) {
    // Or "::" would take the port of 0.0.0.0 as well.
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) return failed("IPV6_V6ONLY");
    reinterpret_cast<sockaddr_in6*>(&with_port)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&with_port)->sin_port = htons(port);
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&with_port), address.ai_addrlen) != 0) return failed("bind");
  if (::listen(fd, kBacklog) != 0) return failed("listen");
  return fd;
}

uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

Result<ListeningSockets> listen_on_all(const addrinfo* addresses, uint16_t port, bool& port_in_use) {
  ListeningSockets sockets;
  sockets.port = port;
  std::string why = "no address";
  for (const auto* address = addresses; address != nullptr; address = address->ai_next) {
    if (address->ai_family != AF_INET && address->ai_family != AF_INET6) continue;
    int error = 0;
    auto fd = listen_on(*address, sockets.port, error);
    if (fd) {
      if (sockets.port == 0) sockets.port = port_of(*fd);
      sockets.fds.push_back(std::move(*fd));
      continue;
    }
    why = fd.error().message;
    port_in_use = error == EADDRINUSE;
    if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT) return fail(Errc::io, "{}", why);
  }
  if (sockets.fds.empty()) return fail(Errc::io, "{}", why);
  return sockets;
}

}  // namespace

Result<ListeningSockets> listen(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
    return fail(Errc::not_found, "cannot listen on {}: {}", host, gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  for (unsigned attempt = 0;; ++attempt) {
    bool in_use = false;
    auto sockets = listen_on_all(addresses.get(), port, in_use);
    if (sockets) return sockets;
    // The port that was free on the first address may be taken on the next one: another one, then.
    if (port == 0 && in_use && attempt < kTries) continue;
    return fail(sockets.error().code, "cannot listen on {} port {}: {}", host, port, sockets.error().message);
  }
}

}  // namespace splitprof::http
