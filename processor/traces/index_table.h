// SPDX-License-Identifier: Apache-2.0
//
// A hash index over values that live elsewhere in a vector: open addressing, linear probing, eight bytes a slot, never
// more than half full. It stores positions and 32 bits of each hash, so that growing needs no value. Nothing is ever
// removed. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace splitprof {

class IndexTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  IndexTable() : slots_(kFirstSlots) {}

  // The position of the value for which `equals(position)` holds, or kNone.
  template <typename Equals>
  uint32_t find(uint64_t hash, Equals equals) const {
    const auto tag = tag_of(hash);
    for (size_t i = tag & mask();; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (slot.position_plus_1 == 0) return kNone;
      if (slot.tag == tag && equals(slot.position_plus_1 - 1)) return slot.position_plus_1 - 1;
    }
  }

  // The value at `position`, which `find` does not know, hashes to `hash`.
  void insert(uint64_t hash, uint32_t position) {
    if ((used_ + 1) * 2 > slots_.size()) grow();
    place(Slot{position + 1, tag_of(hash)});
    ++used_;
  }

 private:
  struct Slot {
    uint32_t position_plus_1 = 0;  // 0: empty
    uint32_t tag = 0;
  };
  static constexpr size_t kFirstSlots = 1024;

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash ^ (hash >> 32)); }
  size_t mask() const { return slots_.size() - 1; }

  void place(Slot slot) {
    size_t i = slot.tag & mask();
    while (slots_[i].position_plus_1 != 0) i = (i + 1) & mask();
    slots_[i] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.position_plus_1 != 0) place(slot);
    }
  }

  std::vector<Slot> slots_;
  size_t used_ = 0;
};

}  // namespace splitprof
