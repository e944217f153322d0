// SPDX-License-Identifier: Apache-2.0
#include "processor/command/launch.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace splitprof {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

}  // namespace

Result<std::string> find_daemon(const char* name) {
  std::array<char, 4096> self = {};
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size());
  if (length <= 0) return fail(Errc::io, "cannot read /proc/self/exe: is /proc mounted?");
  std::string path(self.data(), static_cast<size_t>(length));
  path = path.substr(0, path.rfind('/') + 1) + name;
  if (access(path.c_str(), X_OK) != 0) return fail(Errc::not_found, "{} is missing: build it first", path);
  return path;
}

Result<Ends> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(Errc::io, "pipe: {}", std::strerror(errno));
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Ends{kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

bool read_available(int fd, std::string& into) {
  std::array<char, 16384> block;
  for (;;) {
    const ssize_t size = read(fd, block.data(), block.size());
    if (size > 0) {
      into.append(block.data(), static_cast<size_t>(size));
      if (into.size() > kMaxBytes) return false;
      continue;
    }
    return size < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

}  // namespace splitprof
