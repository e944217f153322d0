// SPDX-License-Identifier: Apache-2.0
//
// `splitprof record`: starts both daemons, joined by a socket that nobody else can reach, lets them work, and tells
// what came of it. It parses nothing that a profiled process wrote; the daemons give up root themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace splitprof {

struct RecordOptions {
  double duration_seconds = 0;  // 0: until Ctrl-C, or until COMMAND ends
  uint32_t hz = 97;             // not a divisor of anything that happens every 10 ms
  std::vector<uint32_t> pids;
  std::vector<std::string> outputs;
  std::string all_formats;             // a folder for one file of each format; empty: none
  uint32_t capture_limit_mib = 1024;   // of a .splitprof
  std::vector<std::string> summaries;  // .json, or anything else for text
  std::vector<std::string> deny;       // as splitprof-sampler takes them
  std::string log_level = "warn";      // the summary says the rest
  bool quiet = false;
  std::vector<std::string> command;
};

// The exit status: COMMAND's when there is one and the recording went well; else 0, 1 when it did not, 2 for wrong use.
int record(const RecordOptions& options, uint64_t started_ns);

}  // namespace splitprof
