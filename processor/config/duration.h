// SPDX-License-Identifier: Apache-2.0
//
// Durations as Go writes them, which is how the collector's configurations do: "1h2m3.5s", "-500ms", "0". A number
// alone counts nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace splitprof::config {

// In nanoseconds; at most 292 years either way (Go, package time, ParseDuration).
Result<int64_t> parse_duration_ns(std::string_view text);
// "1m30s", "500ms", "0s".
std::string print_duration(int64_t ns);

}  // namespace splitprof::config
