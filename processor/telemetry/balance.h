// SPDX-License-Identifier: Apache-2.0
//
// What became of every sample that was taken, for one exporter of profiles, in one line that balances. A pure function
// of counters, called at the end. The sampler's are since it started, which may be before this process did.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/telemetry/exporter_metrics.h"
#include "processor/telemetry/metrics.h"
#include "processor/telemetry/sampler_counters.h"

namespace splitprof {

struct BalanceInput {
  std::string_view exporter;  // "elasticsearch/eu"
  const CountersByName& sampler;
  const Metrics& processor;
  uint64_t handed_on = 0;          // samples in batches of the profiling receiver that the exporter was handed
  uint64_t not_taken = 0;          // samples in such batches that were dropped because the pipelines did not keep up
  const ExporterMetrics& metrics;  // the exporter's
};

struct Balance {
  // "samples to elasticsearch/eu: taken 100 = delivered 90 + waiting 5 + dropped 5 (BPF ring full 3, refused 2)";
  // reasons that are 0 are left out.
  std::string line;
  int64_t unaccounted = 0;  // left side less right side; the line says it where it is not 0
};

Balance balance(const BalanceInput& input);

}  // namespace splitprof
