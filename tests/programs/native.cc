// SPDX-License-Identifier: Apache-2.0
//
// native DEPTH SECONDS THREADS: recursion of DEPTH frames without frame pointers, then work in functions of different
// cost at the leaf. Each thread climbs down once a millisecond or so: nearly all samples have the full depth.
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "busy.h"

namespace {

// Cost grows with N, so that a profile has an order to get right.
template <int N>
SPLITPROF_KEEP uint64_t leaf_work(uint64_t value) {
  for (int i = 0; i < N * 400; i++) {
    value = mix(value + i);
    keep(value);
  }
  return value;
}

template <int... N>
SPLITPROF_KEEP uint64_t all_leaf_work(uint64_t value, std::integer_sequence<int, N...>) {
  ((value += leaf_work<N + 1>(value)), ...);
  return value;
}

SPLITPROF_KEEP uint64_t copy_work(uint64_t value) {
  static thread_local char from[64 * 1024], to[64 * 1024];
  for (int i = 0; i < 8; i++) {
    from[value % sizeof(from)] = static_cast<char>(i);
    std::memcpy(to, from, sizeof(to));
    value += static_cast<uint64_t>(to[(value * 7) % sizeof(to)]);
    keep(value);
  }
  return value;
}

}  // namespace

// Two functions that call each other, so that consecutive frames differ.
extern "C" {
SPLITPROF_KEEP uint64_t descend_odd(unsigned depth, uint64_t value);
SPLITPROF_KEEP uint64_t descend_even(unsigned depth, uint64_t value) {
  uint64_t result = depth <= 1 ? copy_work(all_leaf_work(value, std::make_integer_sequence<int, 24>()))
                               : descend_odd(depth - 1, value + depth);
  keep(result);
  return result ^ depth;
}
SPLITPROF_KEEP uint64_t descend_odd(unsigned depth, uint64_t value) {
  uint64_t result = depth <= 1 ? copy_work(all_leaf_work(value, std::make_integer_sequence<int, 24>()))
                               : descend_even(depth - 1, value + 2 * depth);
  keep(result);
  return result + depth;
}
SPLITPROF_KEEP void run_thread(unsigned depth, double seconds) {
  const auto deadline = deadline_after(seconds);
  uint64_t value = depth;
  while (Clock::now() < deadline) value = descend_even(depth, value);
  if (value == 0) std::puts("0");
}
}

int main(int argc, char** argv) {
  const auto depth = static_cast<unsigned>(number_argument(argc, argv, 1, 26));
  const double seconds = number_argument(argc, argv, 2, 10);
  const auto threads = static_cast<unsigned>(number_argument(argc, argv, 3, 2));
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; i++) others.emplace_back(run_thread, depth, seconds);
  run_thread(depth, seconds);
  for (auto& other : others) other.join();
}
