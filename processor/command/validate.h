// SPDX-License-Identifier: Apache-2.0
//
// `splitprof validate`: reads a configuration as the processor would at its start, and says everything that is wrong
// with it. Opens no socket and no output, needs no rights.
#pragma once

#include <string>
#include <vector>

namespace splitprof {

struct ValidateOptions {
  std::vector<std::string> documents, settings, feature_gates;  // as ConfigSources has them
  bool print = false;                                           // the merged document, without secrets
};

// The exit status: 0 when the processor would start with it, else 1.
int validate(const ValidateOptions& options);

}  // namespace splitprof
