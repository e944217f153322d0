// SPDX-License-Identifier: Apache-2.0
//
// Puts frames of interpreters and native frames in their true order: what a script does stands in the place of the
// interpreter's loop that runs it. One object takes one sample after another, and uses its memory again; one thread.
#pragma once

#include "processor/ingest/record.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class Splicer {
 public:
  explicit Splicer(Metrics& metrics) : metrics_(metrics) {}

  // As BPF recorded them: before each native frame of a loop stand those that it runs. The loop's own frame goes. Where
  // the sample was taken just when the innermost loop had been entered but its first frame was not linked yet (or not
  // any more), every run stands one loop too early: they are moved by one.
  void splice(SampleRecord& sample);

  // `natives`: the native frames of the same moment, found another way and marked where they are loops; the sample's
  // own frames of interpreters are put before their loops, runs that are left over at the end. `words` belongs to
  // `natives`.
  void splice_into(SampleRecord& sample, std::span<const RawFrame> natives, std::span<const uint64_t> words);

 private:
  // One run of a loop: frames [begin, end) of frames_.
  struct Run {
    size_t begin = 0, end = 0;
    bool is_own = false;  // of the loop behind it, beyond doubt
  };
  void take(SampleRecord& sample);
  bool is_shifted(uint16_t end) const;
  void put(const Run& run, SampleRecord& sample) const;

  Metrics& metrics_;
  std::vector<RawFrame> frames_;
  std::vector<Run> runs_;
};

}  // namespace splitprof
