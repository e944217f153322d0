// SPDX-License-Identifier: Apache-2.0
//
// RuleSet: the distinct rules of one executable, numbered in the order in which they are met. Numbers 0 and 1 are
// SP_RULE_NONE and SP_RULE_ASK, as in the kernel's own list. Bounded: past 65,536 a rule is SP_RULE_ASK.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace splitprof {

class RuleSet {
 public:
  RuleSet();

  // The rule's number; counts one more use of it.
  uint32_t use(uint64_t rule) {
    // Asked for millions of times, and 41 rules are 90 % of the answers: a small cache of the last rule in each place.
    // Multiplying by 2^64 / golden ratio mixes the bits (Knuth, volume 3, section 6.4).
    Known& known = cache_[(rule * 0x9e3779b97f4a7c15) >> (64 - kCacheBits)];
    if (known.rule != rule) [[unlikely]]
      known = {rule, find_or_add(rule)};
    ++uses_[known.number];
    return known.number;
  }

  // By number, those that a table has room for. When it has no room for all, the most used ones keep a place, and
  // `renumber` says the new number of each: SP_RULE_ASK for the others.
  std::vector<uint64_t> take(std::optional<std::vector<uint16_t>>& renumber);

 private:
  struct Known {
    uint64_t rule = 0;  // 0 is SP_CFA_NONE, whose number is 0
    uint32_t number = 0;
  };
  static constexpr int kCacheBits = 10;

  uint32_t find_or_add(uint64_t rule);

  std::vector<uint64_t> rules_;
  std::vector<uint64_t> uses_;  // rows of each
  std::unordered_map<uint64_t, uint32_t> numbers_;
  std::vector<Known> cache_;
};

}  // namespace splitprof
