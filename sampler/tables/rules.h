// SPDX-License-Identifier: Apache-2.0
//
// Rules: the host-wide table of unwind rules that BPF goes by. Equal rules of all tables share one entry. Belongs to
// the sampler's one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"

namespace splitprof {

// Number by value, counted references.
class Rules {
 public:
  explicit Rules(int map);
  // The rule's number; nothing when the table is full.
  std::optional<uint16_t> acquire(const sp_rule& rule);
  void release(uint16_t number);
  // What BPF can make sense of: kinds that exist, spare bits zero.
  static bool valid(const sp_rule& rule);

 private:
  struct Entry {
    uint16_t number;
    uint32_t references;
  };
  int map_;
  std::unordered_map<uint64_t, Entry> by_value_;
  std::vector<uint64_t> values_;  // by number
  std::queue<uint16_t> free_;     // used again as late as can be: a walk in progress may still hold one
};

}  // namespace splitprof
