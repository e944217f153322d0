// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/health.h"

#include <fmt/core.h>

namespace splitprof {

HealthCheck sampler_check(bool connected) {
  return {"sampler",
          connected ? "" : "not connected: is splitprof-sampler running, and may this user connect to its socket?"};
}

HealthCheck ring_check(uint64_t last_record_ns, uint64_t monotonic_ns) {
  HealthCheck check{"ring", ""};
  if (monotonic_ns > last_record_ns + kRingSilentNs)
    check.problem = fmt::format("no record from the sampler for {} s", (monotonic_ns - last_record_ns) / 1'000'000'000);
  return check;
}

HealthCheck ComponentHealth::check(const std::string& name, bool healthy, const std::vector<NamedMetric>& metrics,
                                   uint64_t monotonic_ns) {
  auto& backlog = backlogs_[name];
  for (const auto& metric : metrics)
    if (metric.name == "backlog_dropped" && metric.value > backlog.dropped)
      backlog = {.dropped = metric.value, .dropped_at_ns = monotonic_ns};
  if (!healthy) return {name, "says that it is not well: its last warnings in the log say why"};
  if (backlog.dropped > 0 && monotonic_ns < backlog.dropped_at_ns + kBacklogFullNs)
    return {name, fmt::format("its backlog is full or too old: {} requests dropped so far, the last one within {} s",
                              backlog.dropped, kBacklogFullNs / 1'000'000'000)};
  return {name, ""};
}

}  // namespace splitprof
