// SPDX-License-Identifier: Apache-2.0
//
// Takes numbers from a fuzzer's input, front to back; zeroes once it is used up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

namespace splitprof {

class BytesOfFuzzer {
 public:
  BytesOfFuzzer(const uint8_t* data, size_t size) : left_(data, size) {}
  bool empty() const { return left_.empty(); }
  template <typename Number>
  Number take() {
    Number number = 0;
    const auto bytes = take_bytes(sizeof number);
    if (!bytes.empty()) std::memcpy(&number, bytes.data(), bytes.size());
    return number;
  }
  std::span<const uint8_t> take_bytes(size_t at_most) {
    const auto taken = left_.first(std::min(at_most, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> left_;
};

}  // namespace splitprof
