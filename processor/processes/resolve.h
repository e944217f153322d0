// SPDX-License-Identifier: Apache-2.0
//
// A sample's addresses to frames: the only place where addresses in a process become addresses in files. No names, no
// allocation once `frames` has grown. Main thread.
#pragma once

#include <vector>

#include "processor/ingest/record.h"
#include "processor/processes/process.h"
#include "processor/telemetry/metrics.h"
#include "processor/traces/trace.h"

namespace splitprof {

// Replaces `frames`: leaf first, kernel, then user frames, then a marker when the outermost frame was not reached.
void resolve(const SampleRecord& sample, const Process& process, std::vector<Frame>& frames, Metrics& metrics);

// Every user frame lies in a mapping that is known.
bool is_explained(const SampleRecord& sample, const Process& process);

}  // namespace splitprof
