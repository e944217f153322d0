// SPDX-License-Identifier: Apache-2.0
//
// The daemon: a collector's configuration, run until a signal comes or the sampler is gone. Gives its rights up step by
// step: reads and binds as whoever started it, opens its folders as its own user, meets the first hostile byte when the
// sandbox is shut. Main thread.
#pragma once

#include "processor/options.h"
#include "shared/result.h"

namespace splitprof {

// The exit status.
Result<int> run_daemon(const ProcessorOptions& options);

// --print-config: the merged configuration on standard output, without secrets.
Result<int> print_config(const ProcessorOptions& options);

}  // namespace splitprof
