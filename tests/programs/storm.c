// SPDX-License-Identifier: Apache-2.0
//
// storm MILLISECONDS: burns so much CPU time of its own, a few calls deep, and ends. tests/integration/live/storm.py
// makes many different programs of this one by writing their number over 0000 in its symbol and another build id over
// its own, so that a sample tells by a name which file its frames were looked up in.
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define KEEP __attribute__((noinline, used))

static double used_ms(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return used.tv_sec * 1e3 + used.tv_nsec / 1e6;
}

KEEP uint64_t storm_work_0000(uint64_t value, int depth) {
  if (depth > 0) {
    value = storm_work_0000(value, depth - 1);
    __asm__ volatile("" : "+r"(value)); /* no tail call */
    return value;
  }
  for (int i = 0; i < 100000; i++) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    __asm__ volatile("" : "+r"(value));
  }
  return value;
}

int main(int argc, char** argv) {
  const double milliseconds = argc > 1 ? atof(argv[1]) : 5;
  uint64_t value = 88172645463325252;

  while (used_ms() < milliseconds) value = storm_work_0000(value, 5);
  return value == 0;
}
