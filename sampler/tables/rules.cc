// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/rules.h"

#include <bpf/bpf.h>

#include <cstring>

#include "shared/check.h"

namespace splitprof {
namespace {

uint64_t value_of(const sp_rule& rule) {
  uint64_t value;
  static_assert(sizeof value == sizeof rule);
  std::memcpy(&value, &rule, sizeof value);
  return value;
}

}  // namespace

Rules::Rules(int map) : map_(map) {
  sp_rule none{}, ask{};
  ask.cfa = SP_CFA_ASK;
  CHECK(acquire(none) == SP_RULE_NONE);
  CHECK(acquire(ask) == SP_RULE_ASK);
}

std::optional<uint16_t> Rules::acquire(const sp_rule& rule) {
  const uint64_t value = value_of(rule);
  if (auto known = by_value_.find(value); known != by_value_.end()) {
    ++known->second.references;
    return known->second.number;
  }
  uint16_t number = 0;
  const bool is_new = values_.size() < SP_MAX_RULES;
  if (is_new)
    number = static_cast<uint16_t>(values_.size());
  else if (!free_.empty())
    number = free_.front();
  else
    return std::nullopt;
  const uint32_t key = number;
  if (bpf_map_update_elem(map_, &key, &rule, BPF_ANY) < 0) return std::nullopt;
  if (is_new)
    values_.push_back(0);
  else
    free_.pop();
  values_[number] = value;
  by_value_.emplace(value, Entry{number, 1});
  return number;
}

void Rules::release(uint16_t number) {
  auto known = by_value_.find(values_.at(number));
  CHECK(known != by_value_.end() && known->second.number == number);
  if (--known->second.references) return;
  by_value_.erase(known);
  free_.push(number);
}

bool Rules::valid(const sp_rule& rule) {
  const auto cfa = SP_RULE_CFA(&rule);
  if (cfa > SP_CFA_FP_SWITCH || (rule.saved >> 4) != 0 || SP_RULE_FP(&rule) > SP_FP_FP_OFFSET) return false;
  const bool uses_high_bits = cfa == SP_CFA_REGISTER || cfa == SP_CFA_DEREF_SP || cfa == SP_CFA_DEREF_FP;
  return uses_high_bits || SP_RULE_REGISTER(&rule) == 0;
}

}  // namespace splitprof
