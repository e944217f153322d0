// SPDX-License-Identifier: Apache-2.0
//
// The programs that were sampled or seen to start so far: the only ones that the processor may look at. It names them
// by an opaque key that dies at exec as at exit; pids never leave the sampler as authority. Owned by main(), on the
// sampler's one thread. Does not open anything of a target but its pidfd.
#pragma once

#include <kj/io.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "sampler/counters.h"

namespace splitprof {

constexpr size_t kMaxTargets = 4096;

struct Target {
  uint64_t key = 0;
  uint32_t pid = 0;            // thread group id, in the host's namespace
  uint64_t start_time_ns = 0;  // CLOCK_BOOTTIME
  bool denied = false;         // on the deny-list: never to be opened
};

class Targets {
 public:
  // At most `capacity` targets, each of which costs a descriptor; see target_capacity().
  Targets(size_t capacity, SamplerCounters& counters);

  // The key of this process, a new one when it is not known; 0 when it has ended already, which is ordinary. For the
  // drain: no allocation for a known one.
  uint64_t key_for(uint32_t pid, uint64_t start_time_ns, bool denied);
  // The process has become another program: its old key is dead. Returns the new one, 0 when it has ended already.
  uint64_t exec(uint32_t pid, uint64_t start_time_ns, bool denied);
  // Whether the key's program is on the deny-list, as far as is known by now; alive or not.
  bool denied(uint64_t key) const;
  // What the key stands for, while it lives.
  std::optional<Target> find(uint64_t key);

  size_t size() const { return targets_.size(); }

 private:
  struct Identity {
    uint32_t pid;
    uint64_t start_time_ns;
    bool operator==(const Identity&) const = default;
  };
  struct IdentityHash {
    size_t operator()(const Identity& id) const { return (id.start_time_ns ^ id.pid) * 0x9e3779b97f4a7c15; }
  };
  struct Entry {
    Target target;
    kj::AutoCloseFd pidfd;
  };
  using Entries = std::list<Entry>;  // the most recently used first

  uint64_t add(uint32_t pid, uint64_t start_time_ns, bool denied);
  void remove(Entries::iterator entry);

  const size_t capacity_;
  SamplerCounters& counters_;
  uint64_t next_key_;
  Entries targets_;
  std::unordered_map<Identity, Entries::iterator, IdentityHash> by_process_;
  std::unordered_map<uint64_t, Entries::iterator> by_key_;
};

// How many targets RLIMIT_NOFILE leaves room for, once `reserved` descriptors are kept for everything else.
size_t target_capacity(size_t reserved = 512);

}  // namespace splitprof
