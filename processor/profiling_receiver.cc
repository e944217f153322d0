// SPDX-License-Identifier: Apache-2.0
#include "processor/profiling_receiver.h"

#include "processor/receivers/profiling/profiles.h"
#include "processor/receivers/profiling/resource.h"

namespace splitprof {
namespace {

// 24 MiB: an hour at 20 samples a second of 14 busy CPUs, or the default 5 s at 1,000 of 200.
constexpr size_t kMaxMoments = 1u << 20;

// Their frame kinds; those that are not known yet cannot be found anyway.
std::set<uint8_t> kinds_of(const std::vector<std::string>& names) {
  std::set<uint8_t> kinds;
  for (const auto* runtime : all_runtimes())
    if (std::find(names.begin(), names.end(), runtime->name()) != names.end()) kinds.insert(runtime->kind());
  return kinds;
}

}  // namespace

Run::Options run_options(const ProfilingReceiverOptions& options, uint64_t seed) {
  auto variables = options.include_env_vars;
  if (!variables.empty()) variables.emplace_back(kServiceNameVariable);
  return {.hz = options.samples_per_second,
          .report_interval_ns = options.reporter_interval_ns,
          .report_jitter = options.reporter_jitter,
          .cpus = options.cpus,
          .idle = options.send_idle_frames,
          .sampling_percent = options.probabilistic_threshold,
          .sampling_interval_ns = options.probabilistic_interval_ns,
          .counters_interval_ns = options.monitor_interval_ns,
          .seed = seed,
          .max_moments = kMaxMoments,
          .hash_files = true,
          .min_process_age_ns = options.filter_min_process_age_ns,
          .variables = std::move(variables),
          .disabled = kinds_of(options.disabled_interpreters)};
}

otel::Profiles profiles_of(const Run& run, const ProfilingReceiverOptions& options, const Profile& profile,
                           const Symbolizer& symbolizer, Metrics& metrics) {
  const auto& clock = run.pipeline().clock_sync();
  if (!clock) {
    metrics.moments_dropped += profile.moments().size();
    return {};
  }
  return make_profiles(profile, symbolizer,
                       {.host = run.host().value_or(Host()),
                        .clock = *clock,
                        .hz = options.samples_per_second,
                        .begin_ns = run.interval().begin_ns,
                        .end_ns = run.interval().end_ns,
                        .send_error_frames = options.send_error_frames,
                        .variables = options.include_env_vars});
}

}  // namespace splitprof
