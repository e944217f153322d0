// SPDX-License-Identifier: Apache-2.0
//
// What a recording says at its end. Takes the processor's summary (JSON, from a process that is not trusted), adds what
// only the launcher knows (cost of each process, start-up times), and gives the file for --summary and the text for the
// terminal. Names from outside are made printable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/command/process_cost.h"
#include "shared/result.h"

namespace splitprof {

constexpr size_t kMaxSummaryBytes = 1 << 20;

struct LauncherFacts {
  uint64_t started_ns = 0;  // CLOCK_MONOTONIC, when the launcher's main() began
  double seconds = 0;       // from there to the end
  std::vector<ProcessCost> processes;
  std::vector<std::string> files;  // what was written
};

struct RunReport {
  std::string json;  // for --summary; ends in a newline
  std::string text;  // for the terminal
};

Result<RunReport> make_run_report(const std::string& processor_summary, const LauncherFacts& launcher);

}  // namespace splitprof
