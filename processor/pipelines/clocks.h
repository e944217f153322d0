// SPDX-License-Identifier: Apache-2.0
//
// The clocks of pipelines, read. Any thread.
#pragma once

#include <ctime>

#include "processor/pipelines/component.h"

namespace splitprof {

inline Times read_clocks() {
  const auto read = [](clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  };
  return {.monotonic_ns = read(CLOCK_MONOTONIC), .unix_ns = read(CLOCK_REALTIME)};
}

}  // namespace splitprof
