// SPDX-License-Identifier: Apache-2.0
//
// The profiling receiver: what its options mean for a Run, and what a Run's reports are as OpenTelemetry's profiles.
// Main thread.
#pragma once

#include "processor/config/profiling_options.h"
#include "processor/otel/profiles.h"
#include "processor/run.h"

namespace splitprof {

// `seed`: of all chance, as of when exactly a report is made.
Run::Options run_options(const ProfilingReceiverOptions& options, uint64_t seed);

// To be called from Run::on_report. Empty when the sampler has not told the time of day yet; what is left out is
// counted.
otel::Profiles profiles_of(const Run& run, const ProfilingReceiverOptions& options, const Profile& profile,
                           const Symbolizer& symbolizer, Metrics& metrics);

}  // namespace splitprof
