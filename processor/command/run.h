// SPDX-License-Identifier: Apache-2.0
//
// `splitprof run`: a collector's configuration, as `otelcol` would be started with it. Checks it, then starts both
// daemons, joined by a socket that nobody else can reach, and stays until one of them ends or a signal comes.
#pragma once

#include <string>
#include <vector>

#include "processor/config/collector_config.h"

namespace splitprof {

struct RunOptions {
  std::vector<std::string> configs, settings, feature_gates;  // as the processor takes them
  std::vector<std::string> deny;                              // as splitprof-sampler takes them
  std::string state_folder;                                   // empty: the processor's default
  std::string log_level;  // of both daemons; empty: info, or what the configuration says
  bool telemetry = true;
};

// The exit status: 0 after a signal, when both ended well.
int run_configured(const RunOptions& options);

}  // namespace splitprof
