// SPDX-License-Identifier: Apache-2.0
//
// What one connected processor owns: its ring, its unwind tables, its processes' mapping lists and
// interpreters, and the executables taken for it. Everything ends with the session. Belongs to the sampler's one
// thread; the RPC objects (service.cc) are its callers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sampler/drain.h"
#include "sampler/executables.h"
#include "sampler/opener_client.h"
#include "sampler/perf_events.h"
#include "sampler/programs.h"
#include "sampler/start/host.h"
#include "sampler/tables/mapping_lists.h"
#include "sampler/tables/runtimes.h"
#include "sampler/tables/table.h"
#include "sampler/targets.h"

namespace splitprof {

// Made by main(), longer-lived than every session.
struct SamplerParts {
  Programs& programs;
  PerfEvents& perf_events;
  Arena& arena;
  Rules& rules;
  Targets& targets;
  OpenerClient& opener;
  Drain& drain;
  SamplerCounters& counters;
  kj::Timer& timer;
  const HostFacts& host;
  size_t ring_bytes;
  bool allow_environment;
};

class Session {
 public:
  explicit Session(SamplerParts& parts);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The ring, made at the first call. The returned descriptor is the reader's end of the wake-up socket.
  Result<int> open_ring();
  const RingWriter& ring() const { return sink_->ring; }

  // A number for a new table; nothing when all are in use.
  std::optional<uint16_t> take_table_index();
  void give_back_table_index(uint16_t index) { free_indexes_.push_back(index); }
  void add_table(uint32_t id) { table_ids_.emplace(SP_TABLE_INDEX(id), id); }
  void remove_table(uint32_t id) { table_ids_.erase(SP_TABLE_INDEX(id)); }
  bool has_table(uint32_t id) const;

  // BPF has copied a process's entry.
  void forked(uint32_t parent_pid, uint32_t pid);
  // Every few seconds: forgets what belonged to processes that are gone.
  void sweep();

  MappingLists lists;
  Runtimes runtimes;
  Executables executables;
  SamplerParts& parts;

 private:
  std::optional<RecordSink> sink_;
  kj::AutoCloseFd reader_wakeup_;
  std::vector<uint16_t> free_indexes_;
  std::unordered_map<uint32_t, uint32_t> table_ids_;  // index → id, committed ones
};

}  // namespace splitprof
