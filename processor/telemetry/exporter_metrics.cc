// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof {

std::vector<NamedMetric> list(const ExporterMetrics& metrics) {
  return {
#define SP_METRIC(name, text) NamedMetric{#name, text, metrics.name},
#include "processor/telemetry/exporter_metrics.def"
#undef SP_METRIC
  };
}

ExporterMetrics exporter_metrics_of(const std::vector<NamedMetric>& metrics) {
  ExporterMetrics made;
  for (const auto& metric : metrics) {
#define SP_METRIC(field, text) \
  if (metric.name == #field) made.field = metric.value;
#include "processor/telemetry/exporter_metrics.def"
#undef SP_METRIC
  }
  return made;
}

}  // namespace splitprof
