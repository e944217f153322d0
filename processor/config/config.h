// SPDX-License-Identifier: Apache-2.0
//
// The daemon's configuration: a collector's YAML to one checked value. Read before anything is confined, from a file
// that the administrator wrote; strict all the same, because a misspelt key that is ignored is found too late.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace splitprof {

struct Config {
  uint32_t samples_per_second = 20;               // of busy time and CPU, 1 to 1,000
  uint64_t reporter_interval_ns = 5'000'000'000;  // 1 s to 1 h
  std::string folded_path;                        // of the file exporter; absolute
};

// Errors name key, line and column.
Result<Config> parse_config(std::string_view yaml);
Result<Config> read_config(const std::string& path);

}  // namespace splitprof
