// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/metrics.h"

namespace splitprof {

std::vector<NamedMetric> list(const Metrics& metrics) {
  return {
#define SP_METRIC(name, text) NamedMetric{#name, text, metrics.name},
#include "processor/telemetry/metrics.def"
#undef SP_METRIC
  };
}

uint64_t samples_accounted(const Metrics& metrics) {
  return metrics.samples_aggregated + metrics.samples_malformed + metrics.samples_filtered + metrics.samples_too_young;
}

}  // namespace splitprof
