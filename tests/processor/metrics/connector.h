// SPDX-License-Identifier: Apache-2.0
//
// A connector with a consumer that keeps what it is handed, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "processor/metrics/profiling_metrics.h"
#include "tests/processor/metrics/build_profiles.h"

namespace splitprof::test {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr Times kCreated{.monotonic_ns = 1000 * kSecondNs, .unix_ns = 1'700'000'000 * kSecondNs};

inline Times after(double seconds) {
  const auto ns = static_cast<uint64_t>(seconds * kSecondNs);
  return {kCreated.monotonic_ns + ns, kCreated.unix_ns + ns};
}

struct KeptMetrics final : MetricsConsumer {
  void consume(const otel::Metrics& batch) override { batches.push_back(batch); }
  std::vector<otel::Metrics> batches;
};

inline ProfilingMetricsOptions pass_through() {
  ProfilingMetricsOptions options;
  options.name = "profilingmetrics";
  options.flush_interval_ns = 0;
  return options;
}

struct Connector {
  explicit Connector(const ProfilingMetricsOptions& options = pass_through()) {
    auto made = ProfilingMetrics::make(options, kept, "9.3.0", kCreated);
    EXPECT_TRUE(made.has_value());
    if (made) connector = std::move(*made);
  }
  ProfilingMetrics* operator->() { return connector.get(); }
  // All points so far, and forgets them.
  std::vector<std::string> points() {
    std::vector<std::string> lines;
    for (const auto& batch : kept.batches)
      for (auto& line : points_of(batch)) lines.push_back(std::move(line));
    kept.batches.clear();
    return lines;
  }

  KeptMetrics kept;
  std::unique_ptr<ProfilingMetrics> connector;
};

}  // namespace splitprof::test
