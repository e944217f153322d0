// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/rule_set.h"

#include <algorithm>
#include <numeric>

#include "processor/unwind/rule.h"

namespace splitprof {
namespace {

constexpr size_t kMaxDistinctRules = 65536;  // 2,389 files of Debian have 4,456 together

}  // namespace

RuleSet::RuleSet() : cache_(size_t{1} << kCacheBits) {
  // In the order of SP_RULE_NONE and SP_RULE_ASK.
  for (const uint8_t cfa : {SP_CFA_NONE, SP_CFA_ASK}) find_or_add(rule_word({.cfa = cfa}));
}

uint32_t RuleSet::find_or_add(uint64_t rule) {
  if (const auto found = numbers_.find(rule); found != numbers_.end()) return found->second;
  if (rules_.size() >= kMaxDistinctRules) return SP_RULE_ASK;
  const auto number = static_cast<uint32_t>(rules_.size());
  numbers_.emplace(rule, number);
  rules_.push_back(rule);
  uses_.push_back(0);
  return number;
}

std::vector<uint64_t> RuleSet::take(std::optional<std::vector<uint16_t>>& renumber) {
  if (rules_.size() <= SP_MAX_RULES_PER_EXECUTABLE) return std::move(rules_);
  std::vector<uint32_t> by_use(rules_.size() - 2);
  std::iota(by_use.begin(), by_use.end(), 2u);
  std::stable_sort(by_use.begin(), by_use.end(), [&](uint32_t a, uint32_t b) { return uses_[a] > uses_[b]; });
  by_use.resize(SP_MAX_RULES_PER_EXECUTABLE - 2);
  std::vector<uint64_t> chosen = {rules_[SP_RULE_NONE], rules_[SP_RULE_ASK]};
  renumber.emplace(rules_.size(), SP_RULE_ASK);
  (*renumber)[SP_RULE_NONE] = SP_RULE_NONE;
  for (const uint32_t number : by_use) {
    (*renumber)[number] = static_cast<uint16_t>(chosen.size());
    chosen.push_back(rules_[number]);
  }
  return chosen;
}

}  // namespace splitprof
