// SPDX-License-Identifier: Apache-2.0
//
// The profile as speedscope's own JSON (https://www.speedscope.app/file-format-schema.json): one sampled profile a
// process, the busiest first, and one table of frames for all. Weights are nanoseconds of CPU. It says nothing about
// when a stack was seen: equal stacks are one.
#pragma once

#include "processor/export/names.h"
#include "processor/export/summary.h"
#include "processor/traces/profile.h"
#include "shared/result.h"

namespace splitprof {

// Does not close `fd`. The order of the samples does not show in what is written.
Result<> write_speedscope(const Profile& profile, const Names& names, const RunSummary& summary, int fd);

}  // namespace splitprof
