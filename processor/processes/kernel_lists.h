// SPDX-License-Identifier: Apache-2.0
//
// KernelLists: what the kernel is told of processes' mappings, so that it can walk their stacks: a list with the tables
// that there are, and again when those have come that were on their way. Main thread; opens no file by itself.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "processor/processes/process.h"

namespace splitprof {

class KernelLists {
 public:
  // `reopen` opens the mapping's file by this process, as the one that was asked first was gone.
  KernelLists(Executables& executables, Upload& upload, uint64_t table_patience_ns,
              std::function<void(Process&, ProcessMapping&)> reopen)
      : executables_(executables), upload_(upload), table_patience_ns_(table_patience_ns), reopen_(std::move(reopen)) {}

  // The process's mappings are others than before. Nothing happens unless it is `in_kernel`.
  void on_list_changed(const std::shared_ptr<Process>& process, uint64_t now_ns);
  // A file has become resolvable or settled.
  void on_files_changed(uint64_t now_ns);
  void tick(uint64_t now_ns);

 private:
  bool send(Process& process, uint64_t now_ns);
  void prepare(Process& process);

  Executables& executables_;
  Upload& upload_;
  const uint64_t table_patience_ns_;  // then a table that has not come counts as none
  const std::function<void(Process&, ProcessMapping&)> reopen_;
  std::vector<std::shared_ptr<Process>> unsettled_;  // tables of their lists are still to come
};

}  // namespace splitprof
