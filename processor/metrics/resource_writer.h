// SPDX-License-Identifier: Apache-2.0
//
// Writes the points of one resource as OpenTelemetry metrics: one scope, each metric once, in the order in which its
// first point comes.
#pragma once

#include <array>
#include <string>

#include "processor/metrics/emission.h"
#include "processor/otel/metrics.h"

namespace splitprof::metrics {

// What all points have in common.
struct Envelope {
  std::string scope_version;
  uint64_t start_time_ns = 0;  // UNIX time
};

class ResourceWriter {
 public:
  ResourceWriter(const otel::Resource& resource, const Envelope& envelope);
  void add(const Point& point, const SeriesTable& series);
  otel::ResourceMetrics finish() && { return std::move(written_); }

 private:
  const uint64_t start_time_ns_;
  otel::ResourceMetrics written_;
  std::array<int8_t, kMetrics> place_;  // of each metric in the scope; -1: not there yet
};

}  // namespace splitprof::metrics
