// SPDX-License-Identifier: Apache-2.0
//
// Profiles that refer to anything, against the plainest statement of what they count, at once and through the buffer:
// the totals are equal, every sample is accounted for, and what is counted is never more than what came.
#include <cstdint>

#include "processor/metrics/profiling_metrics.h"
#include "shared/check.h"
#include "shared/log.h"
#include "tests/processor/metrics/random_profiles.h"

namespace {

using namespace splitprof;

struct Kept final : MetricsConsumer {
  void consume(const otel::Metrics& batch) override { batches.push_back(batch); }
  std::vector<otel::Metrics> batches;
};

void check(const otel::Profiles& profiles, int64_t flush_interval_ns) {
  Kept kept;
  const Times now{.monotonic_ns = 1, .unix_ns = 1};
  auto connector = ProfilingMetrics::make(test::options_of_plain_metrics(flush_interval_ns), kept, "1", now);
  CHECK(connector.has_value());
  constexpr int kTimes = 2;  // what is kept from one batch to the next does no harm
  for (int i = 0; i < kTimes; ++i) (*connector)->consume(profiles);
  (*connector)->stop(now, 0);

  auto wanted = test::PlainMetrics(profiles).totals;
  for (auto& [text, value] : wanted) value *= kTimes;
  CHECK(test::totals_of(kept.batches) == wanted);

  const auto& counters = (*connector)->counters();
  CHECK(counters.samples_received == kTimes * profiles.sample_count());
  CHECK(counters.samples_received == counters.samples_user + counters.samples_kernel + counters.samples_without_stack +
                                         counters.samples_unclassified + counters.samples_of_other_kinds);
  for (const auto& batch : kept.batches)
    for (const auto& resource : batch.resources) CHECK(!resource.scopes.at(0).metrics.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The connector logs; a fuzzer has no use for it.
  static const bool quiet = (spdlog::set_level(spdlog::level::off), true);
  (void)quiet;
  BytesOfFuzzer bytes(data, size);
  const auto profiles = test::random_profiles(bytes);
  check(profiles, 0);
  check(profiles, 30'000'000'000);
  return 0;
}
