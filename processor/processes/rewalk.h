// SPDX-License-Identifier: Apache-2.0
//
// Rewalk: replaces the user frames of a sample that came with a copy of its stack by what a walk of that copy finds,
// if that is more. Main thread; the walk itself is BPF's own (processor/unwind/host_walk.h).
#pragma once

#include <vector>

#include "processor/ingest/record.h"
#include "processor/processes/process.h"
#include "processor/processes/splice.h"
#include "processor/telemetry/metrics.h"
#include "processor/unwind/host_walk.h"

namespace splitprof {

class Rewalk {
 public:
  Rewalk(Executables& executables, HostTables& tables, Splicer& splicer, Metrics& metrics)
      : executables_(executables), tables_(tables), splicer_(splicer), metrics_(metrics), walk_(tables) {}

  // waits: a table that it needs is being compiled, and the sample is as it was; to be called again when files have
  // changed. Not with `last`: then the sample gets what can be had.
  enum class Outcome { nothing_to_walk, waits, better, no_better };
  Outcome improve(SampleRecord& sample, const Process& process, bool last);
  // Once for each sample, when it is done with.
  void count(const SampleRecord& sample, Outcome outcome);

 private:
  uint32_t table_of(const ProcessMapping& mapping) const;
  // The table that the walk ended for want of is on its way.
  bool awaits_table(const Process& process);
  void replace_frames(SampleRecord& sample);
  void append(uint64_t header, uint64_t word);

  Executables& executables_;
  HostTables& tables_;
  Splicer& splicer_;
  Metrics& metrics_;
  HostWalk walk_;
  std::vector<sp_mapping> list_;
  std::vector<CodeRange> loops_;
  std::vector<RawFrame> frames_;  // of the walk
  std::vector<uint64_t> words_;
};

}  // namespace splitprof
