// SPDX-License-Identifier: Apache-2.0
//
// HostEnvironment: what the kernel's unwinders need from their surroundings (bpf/env.bpf.h) when they run on the host:
// the memory that they walk, the tables, a clock. Whoever walks implements it; it is used by the thread that calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bpf/walk.h"

namespace splitprof {

class HostEnvironment {
 public:
  virtual ~HostEnvironment() = default;
  // False: some byte of [address, address + into.size()) is not there.
  virtual bool read_user(uint64_t address, std::span<std::byte> into) = 0;
  virtual uint64_t now_ns() = 0;
  // Null: there is none.
  virtual sp_chunk* find_chunk(uint32_t slot) = 0;
  virtual sp_executable* find_executable(uint32_t index) = 0;
  virtual sp_rule* find_rule(uint32_t number) = 0;
  virtual sp_runtime* find_runtime(uint32_t number) = 0;
  virtual void count(uint32_t counter) = 0;
};

// Before a walk of a process with interpreters: `references` as struct sp_proc has them.
void begin_interpreters_on_host(sp_walk& walk, HostEnvironment& environment,
                                std::span<const uint32_t, SP_MAX_PROCESS_RUNTIMES> references);
// Takes the walk to its end: walk.sample says why it ended, walk.data holds its cells.
void walk_on_host(sp_walk& walk, HostEnvironment& environment, uint32_t max_steps = SP_MAX_STEPS);

}  // namespace splitprof
