// SPDX-License-Identifier: Apache-2.0
//
// What the facts about a host mean for profiling: one finding each, with its price and the command that mends it. Pure
// functions of HostFacts.
#pragma once

#include <string>
#include <vector>

#include "processor/command/host_facts.h"

namespace splitprof {

struct Finding {
  enum class Level { ok, warn, fail };  // works; works with a loss; recording cannot work
  Level level = Level::ok;
  std::string what;   // "kernel"
  std::string found;  // "6.1.76"
  std::string cost;   // what is lost; empty when ok
  std::string mend;   // a command, or a line for a unit file; empty: nothing can be done here
};

// In the order in which things are needed.
std::vector<Finding> judge(const HostFacts& facts);

// Some kernels can freeze when a perf interrupt reads user memory: the check of hardened usercopy took a spinlock that
// the interrupted code may hold. Mended by Linux 6.4 and its backports 6.1.36 and 6.3.10 (mm/maccess.c).
bool may_freeze(const KernelVersion& kernel);

}  // namespace splitprof
