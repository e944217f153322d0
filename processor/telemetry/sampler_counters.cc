// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/sampler_counters.h"

#include <algorithm>
#include <span>

namespace splitprof {
namespace {

constexpr NamedMetric kBpf[] = {
#define SP_COUNTER(number, name, text) {#name, text},
#include "bpf/counters.def"
#undef SP_COUNTER
};
constexpr NamedMetric kSampler[] = {
#define SP_SAMPLER_COUNTER(name, text) {#name, text},
#include "sampler/counters.def"
#undef SP_SAMPLER_COUNTER
    {"table_arena_bytes", "bytes of unwind tables in the kernel, now"},
};

MetricGroup group_of(const char* name, std::span<const NamedMetric> known, const CountersByName& counters) {
  MetricGroup group{name, "", {}};
  for (const auto& metric : known) {
    const auto found = std::find_if(counters.begin(), counters.end(),
                                    [&](const auto& counter) { return counter.first == metric.name; });
    if (found == counters.end()) continue;
    group.metrics.push_back(metric);
    group.metrics.back().value = found->second;
  }
  return group;
}

}  // namespace

std::vector<MetricGroup> groups_of_sampler(const CountersByName& counters) {
  return {group_of("bpf", kBpf, counters), group_of("sampler", kSampler, counters)};
}

}  // namespace splitprof
