// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace splitprof {
namespace {

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<LocalFile>> LocalFile::open(kj::AutoCloseFd fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return fail(Errc::io, "fstat: {}", std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(Errc::unsupported, "not a regular file");
  const FileIdentity identity{.device = status.st_dev,
                              .inode = status.st_ino,
                              .size = static_cast<uint64_t>(status.st_size),
                              .modified_ns = nanoseconds(status.st_mtim),
                              .changed_ns = nanoseconds(status.st_ctim)};
  return std::unique_ptr<LocalFile>(new LocalFile(kj::mv(fd), identity));
}

Result<std::unique_ptr<LocalFile>> LocalFile::open_path(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(Errc::io, "{}: {}", path, std::strerror(errno));
  return open(kj::AutoCloseFd(fd));
}

Result<size_t> LocalFile::read_at(uint64_t offset, std::span<std::byte> into) {
  if (offset > static_cast<uint64_t>(INT64_MAX)) return size_t{0};
  size_t done = 0;
  while (done < into.size()) {
    // The sum cannot leave off_t: pread itself refuses an offset past the largest one.
    const ssize_t n = pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::io, "pread at {}: {}", offset + done, std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<size_t> MemoryFile::read_at(uint64_t offset, std::span<std::byte> into) {
  if (offset >= bytes_.size()) return size_t{0};
  const size_t n = std::min(into.size(), bytes_.size() - static_cast<size_t>(offset));
  std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), n, into.begin());
  return n;
}

}  // namespace splitprof
