// SPDX-License-Identifier: Apache-2.0
//
// What the profiled programs have in common: a clock to stop by, and work that the compiler can neither remove nor
// move. `SPLITPROF_KEEP` marks a function that has to be a frame of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>

#define SPLITPROF_KEEP [[gnu::noinline, gnu::used]]

using Clock = std::chrono::steady_clock;

inline Clock::time_point deadline_after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

inline double number_argument(int argc, char** argv, int index, double otherwise) {
  return index < argc ? std::atof(argv[index]) : otherwise;
}

// The compiler has to believe that `value` is needed, and that it may have changed.
inline void keep(uint64_t& value) {
  asm volatile("" : "+r"(value)::"memory");
}

inline uint64_t mix(uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdull;  // a step of MurmurHash3's 64-bit finaliser: cheap, and not foreseeable
  return value ^ (value >> 29);
}
