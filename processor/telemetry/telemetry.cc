// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/telemetry.h"

#include <fmt/core.h>

#include <utility>

namespace splitprof {

Telemetry::Telemetry(std::string version, const std::vector<std::string>& threads) : version_(std::move(version)) {
  for (const auto& thread : threads) reports_[thread];
}

void Telemetry::report(const std::string& thread, uint64_t monotonic_ns, std::vector<MetricGroup> groups,
                       std::vector<HealthCheck> checks) {
  Report report{monotonic_ns, std::move(groups), std::move(checks)};
  const std::lock_guard lock(mutex_);
  std::swap(reports_[thread], report);  // what it replaces is freed after the lock
}

std::vector<MetricGroup> Telemetry::groups() const {
  std::vector<MetricGroup> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [thread, report] : reports_) all.insert(all.end(), report.groups.begin(), report.groups.end());
  return all;
}

std::vector<HealthCheck> Telemetry::problems(uint64_t monotonic_ns) const {
  std::vector<HealthCheck> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [thread, report] : reports_) {
    const auto name = "thread " + thread;
    if (report.monotonic_ns == 0)
      found.push_back({name, "has not begun to report"});
    else if (monotonic_ns > report.monotonic_ns + kSilentNs)
      found.push_back({name, fmt::format("has not reported for {} s: it hangs, or is busy beyond measure",
                                         (monotonic_ns - report.monotonic_ns) / 1'000'000'000)});
    for (const auto& check : report.checks)
      if (!check.problem.empty()) found.push_back(check);
  }
  return found;
}

}  // namespace splitprof
