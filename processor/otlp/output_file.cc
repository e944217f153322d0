// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/output_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace splitprof::otlp {
namespace {

constexpr mode_t kMode = 0640;  // profiles say what runs on a host
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMillisecond;

// Where the extension begins.
size_t stem_of(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name.size() : dot;
}

std::string time_text(uint64_t unix_ns, bool local) {
  const auto seconds = static_cast<time_t>(unix_ns / kSecond);
  tm parts{};
  local ? localtime_r(&seconds, &parts) : gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:03}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, unix_ns / kMillisecond % 1000);
}

// Of a text that is exactly such a time.
bool is_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00-00-00.000";
  if (text.size() != kShape.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (kShape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kShape[i]) return false;
  return true;
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::open(Options options) {
  const size_t slash = options.path.rfind('/');
  if (slash == std::string::npos || slash + 1 == options.path.size())
    return fail(Errc::malformed, "{}: not the absolute path of a file", options.path);
  const std::string folder = slash == 0 ? "/" : options.path.substr(0, slash);
  kj::AutoCloseFd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd.get() < 0) return fail(Errc::io, "{}: {}", folder, strerror(errno));
  auto name = options.path.substr(slash + 1);
  const bool empty_it = !options.append && !options.rotate;
  auto file = std::unique_ptr<OutputFile>(new OutputFile(std::move(options), std::move(folder_fd), std::move(name)));
  TRY(file->open_file(empty_it));
  return file;
}

Result<> OutputFile::open_file(bool empty_it) {
  // O_NONBLOCK: a FIFO that nobody reads must not stop the thread.
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (empty_it ? O_TRUNC : 0);
  kj::AutoCloseFd fd(openat(folder_, name_.c_str(), flags, kMode));
  struct stat status;
  if (fd.get() < 0 || fstat(fd, &status) != 0) return fail(Errc::io, "{}: {}", options_.path, strerror(errno));
  if (options_.rotate && !S_ISREG(status.st_mode))
    return fail(Errc::unsupported, "{}: not a regular file, which cannot be rotated", options_.path);
  fd_ = std::move(fd);
  size_ = static_cast<uint64_t>(status.st_size);
  return Ok{};
}

Result<> OutputFile::write(std::string_view bytes) {
  struct stat before;
  const bool regular = fstat(fd_, &before) == 0 && S_ISREG(before.st_mode);
  for (size_t written = 0; written < bytes.size();) {
    const ssize_t now = ::write(fd_, bytes.data() + written, bytes.size() - written);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) {
      const int error = now < 0 ? errno : ENOSPC;
      if (regular && ftruncate(fd_, before.st_size) != 0)
        return fail(Errc::io, "{}: {}, and what was written cannot be taken back: {}", options_.path, strerror(error),
                    strerror(errno));
      return fail(Errc::io, "{}: {}", options_.path, strerror(error));
    }
    written += static_cast<size_t>(now);
  }
  size_ = (regular ? static_cast<uint64_t>(before.st_size) : size_) + bytes.size();
  return Ok{};
}

std::string OutputFile::backup_name(uint64_t unix_ns) const {
  const size_t stem = stem_of(name_);
  return fmt::format("{}-{}{}", name_.substr(0, stem), time_text(unix_ns, options_.local_time), name_.substr(stem));
}

Result<> OutputFile::rotate(uint64_t unix_ns) {
  auto name = backup_name(unix_ns);
  struct stat taken;
  for (uint64_t later = 1; later < 1000 && fstatat(folder_, name.c_str(), &taken, AT_SYMLINK_NOFOLLOW) == 0; ++later)
    name = backup_name(unix_ns + later * kMillisecond);
  if (renameat(folder_, name_.c_str(), folder_, name.c_str()) != 0 && errno != ENOENT)
    return fail(Errc::io, "{}: it cannot be renamed: {}", options_.path, strerror(errno));
  TRY(open_file(false));
  remove_old(unix_ns);
  return Ok{};
}

// Oldest first.
std::vector<std::string> OutputFile::backups() const {
  std::vector<std::string> found;
  const int fd = openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = fd < 0 ? nullptr : fdopendir(fd);
  if (folder == nullptr) {
    if (fd >= 0) close(fd);
    return found;
  }
  const size_t stem = stem_of(name_);
  const auto begin = name_.substr(0, stem) + "-", end = name_.substr(stem);
  while (const dirent* entry = readdir(folder)) {
    const std::string_view name = entry->d_name;
    if (name.size() < begin.size() + end.size() || !name.starts_with(begin) || !name.ends_with(end)) continue;
    if (is_time(name.substr(begin.size(), name.size() - begin.size() - end.size()))) found.emplace_back(name);
  }
  closedir(folder);
  std::sort(found.begin(), found.end());
  return found;
}

void OutputFile::remove_old(uint64_t unix_ns) const {
  const auto found = backups();
  const size_t too_many =
      options_.max_backups > 0 && found.size() > options_.max_backups ? found.size() - options_.max_backups : 0;
  const auto oldest_kept = options_.max_age_ns > 0 && unix_ns > options_.max_age_ns
                               ? backup_name(unix_ns - options_.max_age_ns)
                               : std::string();
  for (size_t i = 0; i < found.size(); ++i)
    if (i < too_many || found[i] < oldest_kept) unlinkat(folder_, found[i].c_str(), 0);
}

}  // namespace splitprof::otlp
