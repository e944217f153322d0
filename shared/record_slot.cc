// SPDX-License-Identifier: Apache-2.0
#include "shared/record_slot.h"

#include <algorithm>
#include <cstring>

namespace splitprof {

kj::ArrayPtr<capnp::word> RecordSlot::allocateSegment(unsigned int minimum_words) {
  if (!slot_given_ && slot_.size() >= minimum_words) {
    slot_given_ = true;
    return {reinterpret_cast<capnp::word*>(slot_.data()), slot_.size()};
  }
  // The builder has no way to be told "no": it gets memory, and the whole message is given up in finish().
  constexpr unsigned int kSpillWords = 1024;  // few allocations for the rest of a message; its size hardly matters
  auto memory = kj::heapArray<capnp::word>(std::max(minimum_words, kSpillWords));
  std::memset(memory.begin(), 0, memory.asBytes().size());
  spilled_.push_back(kj::mv(memory));
  return spilled_.back();
}

size_t RecordSlot::finish() {
  const auto segments = getSegmentsForOutput();
  if (!spilled_.empty() || segments.size() != 1) return 0;
  return segments[0].size();
}

}  // namespace splitprof
