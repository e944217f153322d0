// SPDX-License-Identifier: Apache-2.0
//
// The processor's own counters: one field a line of metrics.def. Made by main(), passed on by reference, used by the
// main thread only, so that counting is an addition.
#pragma once

#include <cstdint>
#include <vector>

#include "processor/telemetry/named_metric.h"

namespace splitprof {

struct Metrics {
#define SP_METRIC(name, text) uint64_t name = 0;
#include "processor/telemetry/metrics.def"
#undef SP_METRIC
};

std::vector<NamedMetric> list(const Metrics& metrics);

// The right side of the processor's accounting equation (docs/records.md, section 4); samples_consumed is the left one.
// They are equal whenever no sample is on its way through the processor.
uint64_t samples_accounted(const Metrics& metrics);

}  // namespace splitprof
