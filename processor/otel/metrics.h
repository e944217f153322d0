// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's metrics, as much of them as this program makes: gauges and monotonic delta sums of integers
// (the profilingmetrics connector). Plain values, written once, then only read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/otel/attributes.h"

namespace splitprof::otel {

struct NumberPoint {
  Attributes attributes;
  uint64_t start_time_ns = 0, time_ns = 0;  // UNIX time
  int64_t value = 0;
};

struct Metric {
  enum class Kind : uint8_t { gauge, delta_sum };  // a delta sum is monotonic
  std::string name, description, unit;
  Kind kind = Kind::gauge;
  std::vector<NumberPoint> points;
};

struct ScopeMetrics {
  Scope scope;
  std::vector<Metric> metrics;
};
struct ResourceMetrics {
  Resource resource;
  std::vector<ScopeMetrics> scopes;
};

struct Metrics {
  std::vector<ResourceMetrics> resources;
};

}  // namespace splitprof::otel
