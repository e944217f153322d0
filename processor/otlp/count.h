// SPDX-License-Identifier: Apache-2.0
//
// How many items a batch has, as exporters count them.
#pragma once

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"

namespace splitprof::otlp {

inline uint64_t profile_count(const otel::Profiles& batch) {
  uint64_t count = 0;
  for (const auto& resource : batch.resources)
    for (const auto& scope : resource.scopes) count += scope.profiles.size();
  return count;
}

inline uint64_t metric_count(const otel::Metrics& batch) {
  uint64_t count = 0;
  for (const auto& resource : batch.resources)
    for (const auto& scope : resource.scopes) count += scope.metrics.size();
  return count;
}

inline uint64_t point_count(const otel::Metrics& batch) {
  uint64_t count = 0;
  for (const auto& resource : batch.resources)
    for (const auto& scope : resource.scopes)
      for (const auto& metric : scope.metrics) count += metric.points.size();
  return count;
}

}  // namespace splitprof::otlp
