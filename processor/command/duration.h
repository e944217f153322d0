// SPDX-License-Identifier: Apache-2.0
//
// Lengths of time as people type them: 30s, 500ms, 2m, 1h, or a plain number of seconds.
#pragma once

#include <string_view>

#include "shared/result.h"

namespace splitprof {

// In seconds: more than 0, at most 30 days.
Result<double> parse_duration(std::string_view text);

}  // namespace splitprof
