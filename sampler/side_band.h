// SPDX-License-Identifier: Apache-2.0
//
// What happens to processes: executable mappings, names, forks, exits, and changes of the kernel's own code, from one
// dummy perf event per CPU. Hands out structs; the strings in them are bytes, never parsed. Belongs to the sampler's
// one thread. Loss is ordinary (any user can cause it) and is told, per CPU.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace splitprof {

struct SideBandMapping {
  uint64_t start, length, file_offset;
  uint32_t device_major, device_minor;
  uint64_t inode, inode_generation;
  std::string_view path;
};
struct SideBandComm {
  std::string_view comm;
  bool exec;  // the name came with a new program
};
struct SideBandFork {
  uint32_t parent_pid, parent_tid;
};
struct SideBandExit {};
struct SideBandLost {
  uint64_t count;
};
struct SideBandKernelSymbols {};

struct SideBandEvent {
  uint64_t time_ns;  // CLOCK_MONOTONIC
  uint32_t pid, tid;
  uint32_t cpu;
  std::variant<SideBandMapping, SideBandComm, SideBandFork, SideBandExit, SideBandLost, SideBandKernelSymbols> what;
};

class SideBand {
 public:
  // Opens the events of all online CPUs; a CPU that cannot be watched is said aloud.
  SideBand();
  ~SideBand();
  SideBand(const SideBand&) = delete;
  SideBand& operator=(const SideBand&) = delete;

  // Calls `handle(const SideBandEvent&)` for everything that waits, CPU by CPU. Views are valid during the call only.
  template <typename Handle>
  void drain(Handle&& handle) {
    for (Cpu& cpu : cpus_)
      while (const SideBandEvent* event = next(cpu)) handle(*event);
  }
  size_t cpus() const { return cpus_.size(); }

 private:
  struct Cpu {
    kj::AutoCloseFd event;
    void* memory;
    uint32_t number;
  };
  const SideBandEvent* next(Cpu& cpu);

  std::vector<Cpu> cpus_;
  SideBandEvent event_;
  std::vector<uint8_t> record_;  // the record in hand, copied out of the ring
};

}  // namespace splitprof
