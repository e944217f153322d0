// SPDX-License-Identifier: Apache-2.0
//
// vdso SECONDS: asks the time as fast as it can, which never enters the kernel: most samples lie in the vDSO.
#include <time.h>

#include "busy.h"

extern "C" SPLITPROF_KEEP uint64_t ask_the_time(int times) {
  uint64_t sum = 0;
  for (int i = 0; i < times; i++) {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sum += static_cast<uint64_t>(now.tv_nsec);
  }
  return sum;
}

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 5));
  uint64_t sum = 0;
  while (Clock::now() < deadline) sum += ask_the_time(10000);
  return sum == 0;
}
