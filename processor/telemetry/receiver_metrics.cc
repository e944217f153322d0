// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/receiver_metrics.h"

namespace splitprof {

std::vector<NamedMetric> list(const ReceiverMetrics& metrics) {
  return {
#define SP_METRIC(name, text) NamedMetric{#name, text, metrics.name},
#include "processor/telemetry/receiver_metrics.def"
#undef SP_METRIC
  };
}

}  // namespace splitprof
