// SPDX-License-Identifier: Apache-2.0
//
// The sampler's counters, which come by name over its socket, with their sentences. Those that this version does not
// know, of a newer sampler, are left out.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "processor/telemetry/telemetry.h"

namespace splitprof {

using CountersByName = std::vector<std::pair<std::string, uint64_t>>;

// Two groups: "bpf" and "sampler".
std::vector<MetricGroup> groups_of_sampler(const CountersByName& counters);

}  // namespace splitprof
