// SPDX-License-Identifier: Apache-2.0
//
// What splitprof-processor does with a capture in the place of a sampler: replays it into outputs, or says what is in
// it. Confined before it reads the first byte; main thread only.
#pragma once

#include "processor/options.h"
#include "shared/result.h"

namespace splitprof {

// The exit code. An error: the capture cannot be used at all, or not without --damaged.
Result<int> replay(ProcessorOptions options);

}  // namespace splitprof
