// SPDX-License-Identifier: Apache-2.0
//
// Times as RFC 3339 text in UTC, with as many of nine decimals as are not zero. Most of two successive times are of the
// same second, whose text is kept.
#pragma once

#include <cstdint>
#include <string_view>

namespace splitprof::elasticsearch {

class TimeText {
 public:
  // `unix_time`: nanoseconds, or seconds if it is below 2^32, as some senders write them. Valid until the next call.
  std::string_view format(uint64_t unix_time);

 private:
  uint64_t second_ = UINT64_MAX;
  char text_[32];  // 2026-08-29T10:40:00.123456789Z
};

// The begin of the week (Monday, 0:00 UTC) in which a time lies, both in seconds.
uint64_t week_of(uint64_t unix_s);

}  // namespace splitprof::elasticsearch
