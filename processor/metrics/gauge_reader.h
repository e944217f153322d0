// SPDX-License-Identifier: Apache-2.0
//
// What the stacks of one batch add to the three gauges: how many of their frames are of each type, of each class, and
// match each rule. Each distinct stack, location and name is looked at once. Made for a batch, gone with it; what
// cannot be resolved is left out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "processor/metrics/rules.h"
#include "processor/metrics/series.h"
#include "processor/metrics/tally.h"
#include "processor/otel/profiles.h"

namespace splitprof::metrics {

struct GaugeCount {
  uint32_t key = 0;  // a series without profile.type_unit, which is the profile's
  uint32_t count = 0;
};

class GaugeReader {
 public:
  GaugeReader(const otel::Dictionary& dictionary, const ProfilingMetricsOptions& options, const Rules& rules,
              SeriesTable& series);

  // Whether any gauge is on; without one nothing else may be called.
  bool any() const { return frame_types_ || classes_ || custom_; }
  // Of any number: what is no stack counts nothing.
  std::span<const GaugeCount> counts(int32_t stack);

 private:
  // A list in a pool; kNone: not looked at yet.
  struct List {
    uint32_t begin = SeriesTable::kNone, count = 0;
  };

  List keys_of(int32_t location);
  List read_keys(const otel::Location& location);
  std::string_view frame_type_of(const otel::Location& location, uint32_t& key);
  void add_names(const otel::Location& location, std::string_view frame_type);
  void add_class(std::string_view frame_type, size_t slot, std::string_view name);
  void add_rules(size_t slot, std::string_view name);

  const otel::Dictionary& in_;
  const Rules& rules_;
  SeriesTable& series_;
  const bool frame_types_, classes_, custom_;

  std::vector<List> stacks_;  // of stack_pool_
  std::vector<GaugeCount> stack_pool_;
  std::vector<List> locations_;  // of key_pool_
  std::vector<uint32_t> key_pool_;
  std::vector<uint32_t> type_keys_;  // by attribute
  // By string; the last one is for names that are not in the dictionary, which are empty.
  std::vector<uint32_t> go_keys_, jvm_keys_;
  std::vector<List> rule_matches_;  // of rule_pool_
  std::vector<uint32_t> rule_pool_;
  std::vector<uint32_t> label_keys_;  // by rule
  Tally tally_;                       // of the stack that is being looked at
};

}  // namespace splitprof::metrics
