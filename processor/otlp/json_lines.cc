// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace splitprof::otlp {

Result<JsonLines> JsonLines::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO by mistake must not wait for a writer.
  kj::AutoCloseFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (fd.get() < 0) return fail(Errc::io, "open: {}", strerror(errno));
  struct stat status;
  if (fstat(fd, &status) != 0) return fail(Errc::io, "fstat: {}", strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(Errc::unsupported, "not a regular file");
  return JsonLines(std::move(fd), {status.st_dev, status.st_ino});
}

Result<JsonLines::Identity> JsonLines::identify(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return fail(Errc::io, "stat: {}", strerror(errno));
  return Identity{status.st_dev, status.st_ino};
}

void JsonLines::skip_to_end() {
  struct stat status;
  if (fstat(fd_, &status) == 0) offset_ = static_cast<uint64_t>(status.st_size);
}

void JsonLines::start_again() {
  offset_ = 0;
  forget_pending();
  skipping_ = false;
}

void JsonLines::forget_pending() {
  pending_.clear();
  pending_.shrink_to_fit();
  taken_ = searched_ = 0;
}

bool JsonLines::was_truncated() {
  return std::exchange(truncated_, false);
}

bool JsonLines::take_line(std::string& out) {
  const size_t newline = pending_.find('\n', searched_);
  if (newline == std::string::npos) {
    searched_ = pending_.size();
    return false;
  }
  out.assign(pending_, taken_, newline - taken_);
  taken_ = searched_ = newline + 1;
  return true;
}

JsonLines::State JsonLines::next(std::string& out) {
  while (take_line(out))
    if (!std::exchange(skipping_, false)) return State::line;
  pending_.erase(0, taken_);
  searched_ -= std::exchange(taken_, 0);
  if (pending_.size() > kMaxLineBytes || skipping_) {
    lines_too_long_ += !skipping_;
    skipping_ = true;
    forget_pending();
  }
  struct stat status;
  if (fstat(fd_, &status) == 0 && static_cast<uint64_t>(status.st_size) < offset_) {
    truncated_ = true;
    start_again();
  }
  const size_t had = pending_.size();
  pending_.resize(had + kReadBytes);
  const ssize_t got = pread(fd_, pending_.data() + had, kReadBytes, static_cast<off_t>(offset_));
  pending_.resize(had + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) return errno == EINTR ? State::more : State::failed;
  offset_ += static_cast<uint64_t>(got);
  return got == 0 ? State::end : State::more;
}

std::string_view JsonLines::unfinished() const {
  return skipping_ ? std::string_view() : std::string_view(pending_).substr(taken_);
}

void JsonLines::drop_unfinished() {
  forget_pending();
}

}  // namespace splitprof::otlp
