// SPDX-License-Identifier: Apache-2.0
//
// The profiling receiver's and the profilingmetrics connector's parts of the configuration. Plain values, checked by
// processor/config.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace splitprof {

struct ProfilingReceiverOptions {
  std::string name;
  uint32_t samples_per_second = 20;               // 1 to 1,000
  uint64_t reporter_interval_ns = 5'000'000'000;  // 1 s to 1 h
  double reporter_jitter = 0.2;                   // 0 to 1: of the interval, at random, either way
  uint64_t monitor_interval_ns = 5'000'000'000;   // of reading the sampler's counters
  uint64_t clock_sync_interval_ns = 180'000'000'000;
  uint64_t probabilistic_interval_ns = 60'000'000'000;  // 1 min to 5 min
  uint32_t probabilistic_threshold = 100;               // per cent of those intervals in which is sampled; 1 to 100
  bool send_error_frames = false;
  bool send_idle_frames = false;
  uint64_t filter_min_process_age_ns = 0;
  std::vector<std::string> include_env_vars;
  std::vector<uint32_t> cpus;  // empty: all
  bool verbose = false;
  bool check_kernel_version = true;
  std::vector<std::string> disabled_interpreters;
};

struct ProfilingMetricsOptions {
  std::string name;
  int64_t flush_interval_ns = 30'000'000'000;  // 0 or less: each batch at once

  // In the order in which they are written: alphabetical.
  enum MetricNumber {
    beam,
    classification,
    cpython,
    custom_aggregation,
    dotnet,
    frame_type,
    go,
    jvm,
    kernel,
    native,
    perl,
    php,
    ruby,
    rust,
    user,
    v8js,
    kMetrics,
  };
  std::array<bool, kMetrics> enabled{true, false, true, true, true, false, true, true,
                                     true, true,  true, true, true, true,  true, true};
  enum class Strategy : uint8_t { sum, avg, min, max };
  struct Gauge {
    Strategy strategy = Strategy::avg;
    std::optional<std::vector<std::string>> attributes;  // nothing: all that it has
  };
  Gauge classification_gauge, custom_aggregation_gauge, frame_type_gauge;
  struct Rule {
    std::string match, label;
  };
  std::vector<Rule> aggregations;
};

}  // namespace splitprof
