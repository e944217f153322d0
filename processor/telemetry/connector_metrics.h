// SPDX-License-Identifier: Apache-2.0
//
// Counters of one connector: one field a line of connector_metrics.def. Owned by the connector, export thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "processor/telemetry/named_metric.h"

namespace splitprof {

struct ConnectorMetrics {
#define SP_METRIC(name, text) uint64_t name = 0;
#include "processor/telemetry/connector_metrics.def"
#undef SP_METRIC
};

std::vector<NamedMetric> list(const ConnectorMetrics& metrics);

}  // namespace splitprof
