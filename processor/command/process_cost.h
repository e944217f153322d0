// SPDX-License-Identifier: Apache-2.0
//
// What the profiler itself costs: CPU time and memory of this process, the daemons and their children, read from /proc
// while they run. Reads only /proc entries of its own descendants.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "processor/export/summary.h"

namespace splitprof {

class CostWatch {
 public:
  // Watches `pid` and, from the next look on, whoever descends from it.
  void add(pid_t pid, std::string name);
  // One look, about 0.1 ms a process.
  void look();
  // The exact CPU time of a process that has ended, its reaped children included; theirs is taken off again.
  void finish(pid_t pid, const rusage& usage);
  const std::vector<ProcessCost>& costs() const { return costs_; }
  double cpu_seconds() const;  // of all of them

 private:
  ProcessCost& cost_of(pid_t pid, const std::string& name);
  void look_at(pid_t pid, const std::string& name, int depth);
  std::vector<std::pair<pid_t, std::string>> roots_;
  std::vector<ProcessCost> costs_;  // a root is followed by its descendants' entries as they appear
  std::vector<std::pair<pid_t, pid_t>> root_of_;
  pid_t current_root_ = 0;
};

}  // namespace splitprof
