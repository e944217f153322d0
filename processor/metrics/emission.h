// SPDX-License-Identifier: Apache-2.0
//
// The data points that one resource of one batch gives, all its profiles together, before they are merged with those of
// other batches. Gauges of the same series and time are one point, combined as the configuration says; sums are not.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "processor/metrics/series.h"

namespace splitprof::metrics {

struct Point {
  uint32_t series = 0;
  uint64_t time_ns = 0;  // UNIX time
  int64_t value = 0;
};

class Emission {
 public:
  using Strategies = std::array<ProfilingMetricsOptions::Strategy, kMetrics>;  // those of gauges have a meaning

  explicit Emission(const Strategies& strategies) : strategies_(strategies) {}

  void add(const Point& point) { points_.push_back(point); }
  // By metric, in their order; empties it. Valid until the next add().
  std::span<const Point> take(const SeriesTable& series);

 private:
  const Strategies strategies_;
  std::vector<Point> points_, taken_;
};

}  // namespace splitprof::metrics
