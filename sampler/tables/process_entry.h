// SPDX-License-Identifier: Apache-2.0
//
// ProcessEntry: a process's entry in BPF's map of processes, read to be changed in one part and written back. BPF
// itself copies entries at fork and deletes them at exec and exit; what it deletes meanwhile is not made anew.
#pragma once

#include <cstdint>

#include "bpf/abi.h"
#include "shared/result.h"

namespace splitprof {

class ProcessEntry {
 public:
  // Errc::denied where the deny-list forbids to look at the process.
  static Result<ProcessEntry> read(int procs, uint32_t tgid);
  // Errc::gone when BPF has deleted or made it since.
  Result<> write() const;

  sp_proc value{};  // all zero when there was none

 private:
  ProcessEntry(int procs, uint32_t tgid) : procs_(procs), tgid_(tgid) {}
  int procs_;
  uint32_t tgid_;
  bool existed_ = false;
};

}  // namespace splitprof
