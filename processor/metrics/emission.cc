// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/emission.h"

#include <algorithm>
#include <tuple>

namespace splitprof::metrics {
namespace {

using Strategy = ProfilingMetricsOptions::Strategy;

int64_t combined(Strategy strategy, std::span<const Point> points) {
  int64_t sum = 0;
  auto smallest = points.front().value, largest = smallest;
  for (const auto& point : points) {
    sum += point.value;
    smallest = std::min(smallest, point.value);
    largest = std::max(largest, point.value);
  }
  switch (strategy) {
    case Strategy::sum:
      return sum;
    case Strategy::avg:
      return sum / static_cast<int64_t>(points.size());
    case Strategy::min:
      return smallest;
    case Strategy::max:
      return largest;
  }
  return sum;
}

}  // namespace

std::span<const Point> Emission::take(const SeriesTable& series) {
  auto place = [&](const Point& point) { return std::tuple(series[point.series].metric, point.series, point.time_ns); };
  std::stable_sort(points_.begin(), points_.end(), [&](const Point& a, const Point& b) { return place(a) < place(b); });
  taken_.clear();
  for (size_t begin = 0, end = 0; begin < points_.size(); begin = end) {
    const auto metric = series[points_[begin].series].metric;
    end = begin + 1;
    if (text_of(metric).gauge)
      while (end < points_.size() && place(points_[end]) == place(points_[begin])) ++end;
    taken_.push_back(points_[begin]);
    if (end > begin + 1)
      taken_.back().value = combined(strategies_[metric], std::span(points_).subspan(begin, end - begin));
  }
  points_.clear();
  return taken_;
}

}  // namespace splitprof::metrics
