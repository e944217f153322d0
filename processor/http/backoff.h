// SPDX-License-Identifier: Apache-2.0
//
// How long to wait before a request is sent again: doubled each time up to a bound, half of it by chance, so that those
// who failed together do not come back together. No clock in here. Any thread, one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace splitprof::http {

class Backoff {
 public:
  Backoff(uint64_t initial_ns, uint64_t max_ns, uint64_t seed);

  // Before retry `n`, the first being 1: from half of b on and less than b, where b is the initial wait doubled n - 1
  // times, and not more than the largest.
  uint64_t wait_ns(unsigned n);
  uint64_t max_ns() const { return max_ns_; }

 private:
  uint64_t initial_ns_, max_ns_;
  std::mt19937_64 random_;
};

// Of a header Retry-After that gives seconds (RFC 9110, section 10.2.3); nothing for a date, or anything else.
std::optional<uint64_t> parse_retry_after_ns(std::string_view text);

}  // namespace splitprof::http
