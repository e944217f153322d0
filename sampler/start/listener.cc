// SPDX-License-Identifier: Apache-2.0
#include "sampler/start/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace splitprof {
namespace {

constexpr int kFirstSystemdFd = 3;  // SD_LISTEN_FDS_START

bool given_by_systemd() {
  const char* pid = getenv("LISTEN_PID");
  const char* count = getenv("LISTEN_FDS");
  return pid && count && std::atol(pid) == getpid() && std::atol(count) >= 1;
}

}  // namespace

Result<kj::AutoCloseFd> open_listener(const std::string& path) {
  if (given_by_systemd()) {
    kj::AutoCloseFd given(kFirstSystemdFd);
    int listening = 0;
    socklen_t length = sizeof listening;
    if (getsockopt(given, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0 || !listening)
      return fail(Errc::malformed, "descriptor 3 of LISTEN_FDS is not a listening socket");
    fcntl(given, F_SETFD, FD_CLOEXEC);
    fcntl(given, F_SETFL, fcntl(given, F_GETFL) | O_NONBLOCK);
    return given;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(Errc::too_large, "socket path '{}': must have 1 to {} bytes", path, sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, path.data(), path.size());
  std::error_code ignored;
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, ignored);
  // A socket that nobody listens on is left over from a run that did not end properly; anything else stays.
  struct stat existing;
  if (lstat(path.c_str(), &existing) == 0 && S_ISSOCK(existing.st_mode)) {
    const kj::AutoCloseFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return fail(Errc::denied, "another sampler listens on {}", path);
    unlink(path.c_str());
  }
  const int raw = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (raw < 0) return fail(Errc::io, "socket: {}", strerror(errno));
  kj::AutoCloseFd listener(raw);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 || listen(listener, 8) < 0)
    return fail(Errc::io, "cannot listen on {}: {}", path, strerror(errno));
  chmod(path.c_str(), 0666);  // who may connect is decided by the peer's uid, not by the file's mode
  return listener;
}

}  // namespace splitprof
