// SPDX-License-Identifier: Apache-2.0
//
// Counters of one exporter: one field a line of exporter_metrics.def. Owned by the exporter, export thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "processor/telemetry/named_metric.h"

namespace splitprof {

struct ExporterMetrics {
#define SP_METRIC(name, text) uint64_t name = 0;
#include "processor/telemetry/exporter_metrics.def"
#undef SP_METRIC
};

std::vector<NamedMetric> list(const ExporterMetrics& metrics);
// What such a list was made of; names that are none of an exporter's are left out.
ExporterMetrics exporter_metrics_of(const std::vector<NamedMetric>& metrics);

}  // namespace splitprof
