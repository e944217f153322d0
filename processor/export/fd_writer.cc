// SPDX-License-Identifier: Apache-2.0
#include "processor/export/fd_writer.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace splitprof {

void FdWriter::append(std::string_view bytes) {
  while (!bytes.empty() && errno_ == 0) {
    const auto part = bytes.substr(0, kBufferBytes - buffer_.size());
    buffer_ += part;
    bytes.remove_prefix(part.size());
    if (buffer_.size() == kBufferBytes) flush();
  }
}

Result<> FdWriter::finish() {
  flush();
  if (errno_ != 0) return fail(Errc::io, "cannot write the output: {}", std::strerror(errno_));
  return Ok{};
}

void FdWriter::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && errno_ == 0) {
    const auto written = write(fd_, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (written == 0) {
      errno_ = EIO;
    } else if (errno != EINTR) {
      errno_ = errno;
    }
  }
  buffer_.clear();
}

}  // namespace splitprof
