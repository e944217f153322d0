// SPDX-License-Identifier: Apache-2.0
//
// What the kernel was doing, read from the names of its functions: network, ipc, disk, memory or synchronization, with
// protocol and direction, and the system call that it was entered by. Classes are ranked; of all frames of a stack the
// strongest class counts. Ranks, tests and names are those of the collector's profilingmetrics connector (0.70).
#pragma once

#include <cstdint>
#include <string_view>

namespace splitprof::metrics {

// 1 is the strongest; 0 stands for no class.
using KernelRank = uint8_t;
constexpr KernelRank kNoKernelClass = 0, kWeakestKernelRank = 12;

struct KernelClass {
  std::string_view area, proto, io;  // empty: not said
};
// Of a rank from 0 to 12.
const KernelClass& kernel_class(KernelRank rank);

// The strongest class that the name of one function shows.
KernelRank kernel_rank(std::string_view function);
// The name of the system call that this function is the entry of; empty: it is none.
std::string_view syscall_name(std::string_view function);
// What a whole stack is: write() to a loopback address runs the receiver's half of TCP near the leaf, and is a write
// all the same.
KernelRank with_syscall(KernelRank rank, std::string_view syscall);

inline KernelRank stronger(KernelRank a, KernelRank b) {
  if (a == kNoKernelClass || b == kNoKernelClass) return static_cast<KernelRank>(a + b);
  return a < b ? a : b;
}

}  // namespace splitprof::metrics
