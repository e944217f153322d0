// SPDX-License-Identifier: Apache-2.0
//
// Runtimes: which interpreters BPF looks for in which process. Owns BPF's map of runtime values and the references to
// them in its map of processes; what a value says is runtime_check's business. Belongs to the sampler's one thread; all
// values end with their session.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "sampler/tables/arena.h"
#include "shared/result.h"

namespace splitprof {

class Runtimes {
 public:
  // `arena` gives the generations: they differ from those of earlier sessions, too.
  Runtimes(Arena& arena, int runtimes, int procs);
  ~Runtimes();
  Runtimes(const Runtimes&) = delete;
  Runtimes& operator=(const Runtimes&) = delete;

  // `values` are checked already, at most SP_MAX_PROCESS_RUNTIMES; they replace those that there are. The process's
  // mapping list stays what it is, and need not be there yet.
  Result<> set(uint32_t tgid, std::span<const sp_runtime> values);
  // BPF has copied the parent's entry: its values have one more user.
  void forked(uint32_t parent_tgid, uint32_t tgid);
  // Forgets the processes whose entries BPF has deleted (exec, exit). Called every few seconds.
  void sweep();

 private:
  class Value;
  using Values = std::vector<std::shared_ptr<Value>>;  // shared: by forked processes
  Result<std::shared_ptr<Value>> install(sp_runtime value);

  Arena& arena_;
  int runtimes_;
  int procs_;
  // A number rests from one sweep to the next before it is free: no walk that began with its old value is still going.
  std::vector<uint16_t> free_, resting_, freed_;
  std::unordered_map<uint32_t, Values> by_process_;
};

}  // namespace splitprof
