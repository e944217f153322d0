// SPDX-License-Identifier: Apache-2.0
//
// Counters of one receiver of OTLP: one field a line of receiver_metrics.def. Owned by the receiver, used by one thread
// at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "processor/telemetry/named_metric.h"

namespace splitprof {

struct ReceiverMetrics {
#define SP_METRIC(name, text) uint64_t name = 0;
#include "processor/telemetry/receiver_metrics.def"
#undef SP_METRIC
};

std::vector<NamedMetric> list(const ReceiverMetrics& metrics);

}  // namespace splitprof
