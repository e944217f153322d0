// SPDX-License-Identifier: Apache-2.0
//
// The BPF object: loaded, verified and attached once, at start, while the process may still do that; afterwards only
// its maps are used. Belongs to the sampler's one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "bpf/abi.h"

struct splitprof_bpf;  // generated from bpf/splitprof.bpf.c

namespace splitprof {

class Programs {
 public:
  struct Options {
    uint32_t arena_slots = SP_ARENA_SLOTS;  // bounds the unwind tables at 256 KiB each
    uint32_t ring_bytes = 0;                // of the BPF ring, a power of two; 0: 1 MiB a CPU, 2 to 64 MiB
  };
  // Throws kj::Exception that says what the kernel refused.
  explicit Programs(const Options& options);
  ~Programs();
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  int sample_fd() const;  // the program for perf events
  int arena_fd() const;
  int executables_fd() const;
  int rules_fd() const;
  int procs_fd() const;
  int runtimes_fd() const;
  int ring_fd() const;
  int deny_exes_fd() const;
  int deny_uids_fd() const;
  int deny_cgroups_fd() const;
  // Whether BPF wakes user space at every exec, or leaves the record for the next look.
  void wake_at_exec(bool on) const;
  uint32_t arena_slots() const { return arena_slots_; }
  uint32_t possible_cpus() const { return possible_cpus_; }
  double load_ms() const { return load_ms_; }

  // All of BPF's counters, summed over the CPUs, by number.
  using Counters = std::array<uint64_t, SP_COUNT_MAX>;
  Counters counters() const;

 private:
  splitprof_bpf* object_ = nullptr;
  uint32_t arena_slots_ = 0;
  uint32_t possible_cpus_ = 0;
  double load_ms_ = 0;
};

}  // namespace splitprof
