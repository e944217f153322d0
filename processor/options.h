// SPDX-License-Identifier: Apache-2.0
//
// The command line of splitprof-processor as one checked value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/ids.h"
#include "shared/log.h"
#include "shared/result.h"

namespace splitprof {

struct OutputTarget {
  enum class Format { folded, pprof, html, speedscope };
  Format format = Format::folded;
  int fd = -1;
};

struct ProcessorOptions {
  std::string sampler_path;  // of a socket; empty: sampler_fd
  int sampler_fd = -1;       // a connected socket
  std::string user;          // to become; empty: the default one
  // Of a daemon: a collector's configuration, as its command line names it (processor/config/collector_config.h).
  std::vector<std::string> configs, settings, feature_gates;
  bool print_config = false;
  bool telemetry = true;
  std::string state_folder;  // empty: see prepare_state_folder()
  std::vector<OutputTarget> outputs;
  int capture_fd = -1;  // to write the session to
  uint64_t capture_limit_mib = 1024;
  int replay_fd = -1;        // a capture to read instead of a sampler
  bool damaged = false;      // of which what stands before its damage is used
  int capture_info_fd = -1;  // to say on it what is in the capture, instead of replaying it
  int summary_fd = -1;
  int progress_fd = -1;
  uint32_t hz = 20;  // samples a second of busy time and CPU
  std::vector<Pid> pids;
  double duration_s = 0;                // 0: until a signal
  std::optional<log::Level> log_level;  // nothing: the configuration's, or info
};

// Either options, or the code to exit with: --help was printed, or what is wrong.
struct ParsedOptions {
  std::optional<ProcessorOptions> options;
  int exit_code = 0;
};
ParsedOptions parse_options(int argc, char** argv);

}  // namespace splitprof
