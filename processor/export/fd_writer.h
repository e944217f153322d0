// SPDX-License-Identifier: Apache-2.0
//
// Buffered writing to a descriptor that somebody else owns. Errors are kept: append as much as you like, then ask once.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"

namespace splitprof {

class FdWriter {
 public:
  explicit FdWriter(int fd) : fd_(fd) { buffer_.reserve(kBufferBytes); }
  FdWriter(const FdWriter&) = delete;
  FdWriter& operator=(const FdWriter&) = delete;

  void append(std::string_view bytes);
  // Writes what is left and says whether everything was written. Without it the rest is lost.
  Result<> finish();

 private:
  static constexpr size_t kBufferBytes = 64 << 10;
  void flush();

  int fd_;
  int errno_ = 0;
  std::string buffer_;
};

}  // namespace splitprof
