// SPDX-License-Identifier: Apache-2.0
//
// Our own samples as OpenTelemetry's profiles: one resource for each process, one profile of CPU samples in it, one
// sample for each stack of a thread on a CPU, with the time of every hit. What the frames of each kind become is said
// in docs/profiles.md. Pure function of its arguments: equal profiles give equal batches. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/ingest/input.h"
#include "processor/ingest/record.h"
#include "processor/otel/profiles.h"
#include "processor/traces/profile.h"
#include "processor/traces/symbolizer.h"

namespace splitprof {

struct ProfilesContext {
  Host host;                           // its empty fields are left out
  ClockSyncRecord clock;               // one moment on all clocks: CLOCK_MONOTONIC becomes UNIX time by it
  uint32_t hz = 20;                    // samples a second
  uint64_t begin_ns = 0, end_ns = 0;   // of collecting, CLOCK_MONOTONIC
  bool send_error_frames = false;      // a stack that was cut short ends with a frame that says why
  std::vector<std::string> variables;  // of environments, that resources show
};

// `profile` was made with room for moments (ProfileLimits): what has none is not in the batch.
otel::Profiles make_profiles(const Profile& profile, const Symbolizer& symbolizer, const ProfilesContext& context);

}  // namespace splitprof
