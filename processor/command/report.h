// SPDX-License-Identifier: Apache-2.0
//
// `splitprof report` and `splitprof capture-info`: have the processor read a capture. Nothing of it is parsed here; the
// processor gets the open file and confines itself before it reads the first byte. Needs no right but to read the file.
#pragma once

#include <string>
#include <vector>

namespace splitprof {

struct ReportOptions {
  std::string capture;
  std::vector<std::string> outputs;
  std::vector<std::string> summaries;
  std::string log_level = "warn";
  bool damaged = false;  // use what stands before the damage
  bool quiet = false;
};

// The exit status: 0, or 1 when there is no report.
int report(const ReportOptions& options);
// 0, or 1 when the capture is damaged or none.
int capture_info(const std::string& capture);

}  // namespace splitprof
