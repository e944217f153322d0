// SPDX-License-Identifier: Apache-2.0
//
// Counts by small number, for a profile or a stack at a time: counting is an addition, and emptying it costs what was
// counted, not what could have been.
#pragma once

#include <cstdint>
#include <vector>

namespace splitprof::metrics {

class Tally {
 public:
  // `count` is more than 0.
  void add(uint32_t number, int64_t count) {
    if (number >= counts_.size()) counts_.resize(number + size_t{1});
    if (counts_[number] == 0) counted_.push_back(number);
    counts_[number] += count;
  }
  // use(number, count) of each, in the order in which they were first counted; then it is empty.
  template <typename Use>
  void drain(Use use) {
    for (const uint32_t number : counted_) {
      use(number, counts_[number]);
      counts_[number] = 0;
    }
    counted_.clear();
  }

 private:
  std::vector<int64_t> counts_;
  std::vector<uint32_t> counted_;
};

}  // namespace splitprof::metrics
