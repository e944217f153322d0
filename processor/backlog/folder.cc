// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

namespace splitprof::backlog {
namespace {

constexpr std::string_view kSuffix = ".seg";
constexpr size_t kDigits = 16;

std::optional<uint64_t> segment_number(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, number);
  if (error != std::errc() || end != name.data() + kDigits) return std::nullopt;
  return number;
}

Error failed(const std::string& path) {
  return fail(Errc::io, "{}: {}", path, std::strerror(errno));
}

Result<> make_folders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      // One above may be of a read-only file system, or not to be looked into: the next one says whether that matters.
      if (slash == std::string::npos) return failed(path);
    }
    if (slash == std::string::npos) return Ok{};
  }
}

}  // namespace

Result<Folder> Folder::open(const std::string& path) {
  TRY(make_folders(path));
  auto folder = TRY(open_for_reading(path));
  struct stat status;
  if (fstat(folder.fd(), &status) != 0) return failed(path);
  // Who can put files there could have us send what he likes.
  if (status.st_uid != geteuid())
    return fail(Errc::denied, "{} belongs to user {}, and this program runs as {}: chown it, or name another folder",
                path, status.st_uid, geteuid());
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Errc::denied, "{} can be written by others than its owner: chmod 0700 it", path);
  folder.lock_ = TRY(folder.open_file("lock", O_RDWR | O_CREAT));
  if (flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::denied, "{} is used by another process: two exporters, or two programs, share no backlog", path);
  return folder;
}

Result<Folder> Folder::open_for_reading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed(path);
  return Folder(path, kj::AutoCloseFd(fd));
}

Result<kj::AutoCloseFd> Folder::open_file(const char* name, int flags) const {
  const int fd = openat(fd_.get(), name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) return failed(fmt::format("{}/{}", path_, name));
  kj::AutoCloseFd file(fd);
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
    return fail(Errc::unsupported, "{}/{} is not a regular file", path_, name);
  return file;
}

bool Folder::in_use() const {
  const auto lock = open_file("lock", O_RDONLY);
  return lock && flock(lock->get(), LOCK_SH | LOCK_NB) != 0;
}

Result<std::vector<uint64_t>> Folder::segments() const {
  const int again = openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return failed(path_);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(again), closedir);
  if (!entries) {
    ::close(again);
    return failed(path_);
  }
  std::vector<uint64_t> numbers;
  while (const dirent* entry = readdir(entries.get()))
    if (const auto number = segment_number(entry->d_name)) numbers.push_back(*number);
  std::ranges::sort(numbers);
  return numbers;
}

Result<kj::AutoCloseFd> Folder::create_segment(uint64_t number) const {
  return open_file(segment_name(number).c_str(), O_WRONLY | O_CREAT | O_EXCL);
}

Result<kj::AutoCloseFd> Folder::open_segment(uint64_t number) const {
  return open_file(segment_name(number).c_str(), O_RDONLY);
}

Result<> Folder::truncate_segment(uint64_t number, uint64_t bytes) const {
  const auto file = TRY(open_file(segment_name(number).c_str(), O_WRONLY));
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return failed(segment_name(number));
  return Ok{};
}

Result<> Folder::remove_segment(uint64_t number) const {
  if (unlinkat(fd_.get(), segment_name(number).c_str(), 0) != 0) return failed(segment_name(number));
  return Ok{};
}

Result<kj::AutoCloseFd> Folder::open_progress(bool writable) const {
  return open_file("progress", writable ? O_RDWR | O_CREAT : O_RDONLY);
}

std::string segment_name(uint64_t number) {
  return fmt::format("{:016}{}", number, kSuffix);
}

Result<uint64_t> file_bytes(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return fail(Errc::io, "fstat: {}", std::strerror(errno));
  return static_cast<uint64_t>(status.st_size);
}

Result<size_t> read_at(int fd, uint64_t offset, std::span<std::byte> into) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t n = pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::io, "read: {}", std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

}  // namespace splitprof::backlog
