// SPDX-License-Identifier: Apache-2.0
//
// What a run leaves behind: the outputs that were asked for, and the summary with its accounting. Writes to descriptors
// that were opened by somebody else; main thread.
#pragma once

#include <string>
#include <vector>

#include "processor/export/summary.h"
#include "processor/options.h"
#include "processor/run.h"

namespace splitprof {

// Everything but what follows from the profile.
RunSummary summarize(const Run& run, const Metrics& metrics, const ProcessorOptions& options);

// Writes every output; the summary is completed with what the profile says. Errors are logged, and counted in the
// result: how many outputs could not be written.
unsigned write_outputs(const Profile& profile, const Symbolizer& symbolizer, const ProcessorOptions& options,
                       RunSummary& summary);

// One line of JSON. False: whoever read them is gone.
bool write_progress(int fd, const Run& run, const Metrics& metrics);

}  // namespace splitprof
