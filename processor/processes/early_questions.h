// SPDX-License-Identifier: Apache-2.0
//
// EarlyQuestions: how many processes may be asked about the moment their first sample arrives, before the side band's
// events have had their turn. Early answers save stack copies, as the kernel gets its lists sooner; but where programs
// end within milliseconds most of them are in vain. A token bucket; its clock is the caller's. Main thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace splitprof {

class EarlyQuestions {
 public:
  bool take(uint64_t now_ns) {
    const uint64_t refilled = (now_ns - std::min(now_ns, refilled_ns_)) / kTokenNs;
    tokens_ = std::min(kBurst, tokens_ + refilled);
    refilled_ns_ = tokens_ == kBurst ? now_ns : refilled_ns_ + refilled * kTokenNs;
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

 private:
  // Each costs some 0.3 ms of CPU time in the sampler's openers: at most 1.5 % of a core.
  static constexpr uint64_t kTokenNs = 1'000'000'000 / 50;
  static constexpr uint64_t kBurst = 512;  // what runs when sampling begins
  uint64_t tokens_ = kBurst;
  uint64_t refilled_ns_ = 0;
};

}  // namespace splitprof
