// SPDX-License-Identifier: Apache-2.0
//
// What late_loading loads while it runs.
#include "busy.h"

extern "C" SPLITPROF_KEEP uint64_t work_in_late_library(uint64_t value) {
  for (int i = 0; i < 100000; i++) value = mix(value + i);
  keep(value);
  return value;
}
