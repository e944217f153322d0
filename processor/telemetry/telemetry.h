// SPDX-License-Identifier: Apache-2.0
//
// Telemetry: the last known value of every counter of both processes, and whether all is well. Each thread that has
// something to say reports once a second; the HTTP server's thread reads. A thread that falls silent is itself a
// problem. Any thread; copies, so that nobody waits for another.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "processor/telemetry/named_metric.h"

namespace splitprof {

// Counters of one part, shown as splitprof_<group>_<name>{component="…"}.
struct MetricGroup {
  std::string group;      // "processor", "exporter", …: a-z and _
  std::string component;  // "elasticsearch/eu"; empty: there is only one, and no such label
  std::vector<NamedMetric> metrics;
};

struct HealthCheck {
  std::string name;     // "sampler", "exporter elasticsearch/eu"
  std::string problem;  // what is wrong and where to look; empty: nothing
};

class Telemetry {
 public:
  // Longer than a thread of this program is ever busy with one batch.
  static constexpr uint64_t kSilentNs = 15'000'000'000;

  // `threads`: those that will report; until one has, it is a problem.
  Telemetry(std::string version, const std::vector<std::string>& threads);

  // Replaces what that thread reported before.
  void report(const std::string& thread, uint64_t monotonic_ns, std::vector<MetricGroup> groups,
              std::vector<HealthCheck> checks);

  std::vector<MetricGroup> groups() const;
  // Only what is wrong.
  std::vector<HealthCheck> problems(uint64_t monotonic_ns) const;
  const std::string& version() const { return version_; }

 private:
  struct Report {
    uint64_t monotonic_ns = 0;  // 0: none yet
    std::vector<MetricGroup> groups;
    std::vector<HealthCheck> checks;
  };

  const std::string version_;
  mutable std::mutex mutex_;
  std::map<std::string, Report> reports_;  // by thread; guarded by mutex_
};

}  // namespace splitprof
