// SPDX-License-Identifier: Apache-2.0
//
// Process: one program in one process, from its fork or exec to its exec or exit. A plain value of ProcessTable's;
// samples that wait keep it alive, hence shared_ptr wherever one is held. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/processes/executables.h"
#include "processor/processes/process_interpreters.h"
#include "processor/traces/trace.h"

namespace splitprof {

struct ProcessMapping {
  RuntimeAddress start;
  uint64_t length = 0;  // bytes
  FileOffset file_offset;
  std::shared_ptr<MappedFile> file;  // null: anonymous memory
  bool retried = false;              // opened again because another process's answer was "gone"
  uint64_t end() const { return start.value + length; }
};

struct Process {
  enum class Asked { never, waiting, answered, failed };
  // Where the name came from: what is further down replaces what is further up.
  enum class NameSource { none, thread, link, leader };

  uint64_t number = 0;  // in the order in which processes were met
  Pid pid;
  uint64_t start_time_ns = 0;  // CLOCK_BOOTTIME; 0: not sampled yet
  ProcessKey key;              // 0: not sampled yet, or nothing that may be looked at
  std::string name;
  NameSource name_source = NameSource::none;
  std::string executable_path;
  std::string cgroup;
  std::vector<std::pair<std::string, std::string>> environment;  // the variables that were asked for

  std::vector<ProcessMapping> mappings;  // sorted by start, not overlapping; executable ones only
  // The mappings are all that there are, from `maps` or because the side band told of the program from its exec on; as
  // long as no event was lost since, see losses_seen.
  bool complete = false;
  uint32_t mapping_changes = 0;  // counted since it was met
  RuntimeAddress sampled_at;     // the innermost frame of one of its first samples; 0: they had none
  bool wants_files = false;      // was sampled: its files are to be opened
  bool program_opened = false;   // by what its exec took, or another way
  bool awaits_program = false;   // what its exec took may still come
  bool in_kernel = false;        // the kernel is told its mappings
  Asked maps = Asked::never;
  Asked description = Asked::never;
  Asked variables = Asked::never;
  uint64_t exec_key = 0;  // for AskExecutable; 0: none

  uint64_t exec_ns = 0;  // CLOCK_MONOTONIC, like all that follow; 0: its exec was not seen
  uint64_t last_used_ns = 0;
  uint64_t exited_ns = 0;     // 0: runs
  uint64_t next_sync_ns = 0;  // not before may `maps` be asked for again
  uint64_t sync_pause_ns = 0;
  uint64_t losses_seen = 0;         // ProcessTable::losses_ when `complete` became true, or `maps` was asked for last
  bool resolvable = false;          // every mapping's file is; false: look again
  uint64_t unsettled_since_ns = 0;  // the kernel's list waits for tables; 0: it does not

  std::unique_ptr<ProcessInterpreters> interpreters;  // null: none was met
  uint32_t looked_at_mappings = 0;                    // mapping_changes when interpreters were looked for last

  // The profile's number of this process, valid in the profile of that number.
  uint64_t profile = 0;
  ResourceId resource = 0;

  // The mapping that holds `address`, or null.
  const ProcessMapping* find(uint64_t address) const;
  // Adds one; what it overlaps gives way, as in the kernel.
  void add(ProcessMapping added);
};

// A name for the process, unless a better one is known.
void set_name(Process& process, Process::NameSource source, std::string_view name);

}  // namespace splitprof
