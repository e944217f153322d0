// SPDX-License-Identifier: Apache-2.0
//
// Gate: holds everything back for a while after the server failed, longer each time; then lets one request at a time
// through, until one succeeds. Export thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "processor/http/backoff.h"

namespace splitprof::elasticsearch {

class Gate {
 public:
  explicit Gate(http::Backoff& backoff) : backoff_(backoff) {}

  bool is_open(uint64_t now_ns) const { return now_ns >= opens_at_ns_; }
  // Of the requests that it lets through.
  bool one_at_a_time() const { return failures_ > 0; }

  // For the next wait, or `at_least_ns` if that is longer. Requests that were under way together fail together: while
  // it is shut that is one failure.
  void shut(uint64_t now_ns, uint64_t at_least_ns) {
    if (!is_open(now_ns)) return;
    ++failures_;
    opens_at_ns_ = now_ns + std::max(backoff_.wait_ns(failures_), std::min(at_least_ns, backoff_.max_ns()));
  }
  // For one more try at once.
  void open_once() { opens_at_ns_ = 0; }
  void open() { failures_ = 0, opens_at_ns_ = 0; }

 private:
  http::Backoff& backoff_;
  unsigned failures_ = 0;
  uint64_t opens_at_ns_ = 0;
};

}  // namespace splitprof::elasticsearch
