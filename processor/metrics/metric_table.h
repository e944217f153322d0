// SPDX-License-Identifier: Apache-2.0
//
// The sixteen metrics of the connector: name, kind and description as they are written. Names and descriptions are
// those of the collector's profilingmetrics connector, byte for byte, because dashboards and comparisons rest on them.
#pragma once

#include <string_view>

#include "processor/config/profiling_options.h"

namespace splitprof::metrics {

using MetricNumber = ProfilingMetricsOptions::MetricNumber;
constexpr size_t kMetrics = ProfilingMetricsOptions::kMetrics;

struct MetricText {
  std::string_view name, description;
  bool gauge = false;  // else a monotonic delta sum
};
const MetricText& text_of(MetricNumber metric);

}  // namespace splitprof::metrics
