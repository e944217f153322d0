// SPDX-License-Identifier: Apache-2.0
//
// The part of a run's summary that follows from the profile alone: whole and truncated stacks, named frames.
#pragma once

#include "processor/export/names.h"
#include "processor/export/summary.h"
#include "processor/traces/profile.h"

namespace splitprof {

// Sets `stacks`, `named` and `samples.aggregated`.
void summarize_profile(const Profile& profile, const Names& names, RunSummary& summary);

}  // namespace splitprof
