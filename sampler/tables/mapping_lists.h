// SPDX-License-Identifier: Apache-2.0
//
// MappingLists: which mapping list each process uses, in the arena and in BPF's map of processes. Belongs to the
// sampler's one thread; the lists end with their session.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

#include "bpf/abi.h"
#include "sampler/tables/arena.h"
#include "shared/result.h"

namespace splitprof {

// A list is shared by forked children until one of them gets its own.
class MappingLists {
 public:
  MappingLists(Arena& arena, int procs) : arena_(arena), procs_(procs) {}
  ~MappingLists();
  MappingLists(const MappingLists&) = delete;
  MappingLists& operator=(const MappingLists&) = delete;

  // `mappings` are checked already: sorted, not overlapping, at most SP_MAX_MAPPINGS.
  Result<> set(uint32_t tgid, std::span<const sp_mapping> mappings);
  // BPF has copied the parent's entry: its list now has one more user.
  void forked(uint32_t parent_tgid, uint32_t tgid);
  // Forgets the processes whose entries BPF has deleted (exec, exit). Called every few seconds.
  void sweep();

 private:
  struct List;
  Arena& arena_;
  int procs_;
  std::unordered_map<uint32_t, std::shared_ptr<List>> by_process_;  // shared: by forked processes
};

}  // namespace splitprof
