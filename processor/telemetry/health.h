// SPDX-License-Identifier: Apache-2.0
//
// What /healthz looks at besides silent threads. Pure functions and what they have to remember; each object belongs to
// the thread that reports.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "processor/telemetry/telemetry.h"

namespace splitprof {

// The sampler writes the time into the ring each minute, however quiet the machine: two such records are missing.
constexpr uint64_t kRingSilentNs = 150'000'000'000;
// How long a full backlog is a problem after it dropped something.
constexpr uint64_t kBacklogFullNs = 300'000'000'000;

HealthCheck sampler_check(bool connected);
// `last_record_ns`: when a record was last read; before the first one, when the session began.
HealthCheck ring_check(uint64_t last_record_ns, uint64_t monotonic_ns);

// Of connectors and exporters.
class ComponentHealth {
 public:
  // `name`: "exporter elasticsearch/eu". `metrics`: the component's own.
  HealthCheck check(const std::string& name, bool healthy, const std::vector<NamedMetric>& metrics,
                    uint64_t monotonic_ns);

 private:
  struct Backlog {
    uint64_t dropped = 0, dropped_at_ns = 0;
  };
  std::map<std::string, Backlog> backlogs_;
};

}  // namespace splitprof
