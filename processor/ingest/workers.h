// SPDX-License-Identifier: Apache-2.0
//
// Threads that run Jobs: reads of foreign files, which may hang for ever. A thread whose job takes too long is left
// behind and replaced, so often as is bounded; what it makes later is thrown away. Owned by the main thread, which
// hands jobs in and collects them; `wake` is called on a worker whenever one is finished.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "processor/ingest/input.h"

namespace splitprof {

class Workers {
 public:
  struct Limits {
    unsigned threads = 2;               // reading and compiling: one waits for a disk while the other computes
    unsigned max_abandoned = 8;         // at a time; each holds a thread and a descriptor
    size_t max_queued = 1u << 16;       // jobs; some four times the executables that the kernel's tables can hold
    uint64_t hang_ns = 10'000'000'000;  // no local file takes this long; the largest known compile takes 0.1 s
  };

  Workers(Limits limits, std::function<void()> wake);
  // Waits for no job: one that runs may hang, and is left behind.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False: the queue is full and the job is gone.
  bool submit(std::unique_ptr<Job> job);
  std::deque<std::unique_ptr<Job>> take_finished();
  // Leaves threads behind whose job runs for longer than hang_ns. How many. `now_ns`: CLOCK_MONOTONIC.
  unsigned abandon_hung(uint64_t now_ns);
  size_t unfinished() const;  // queued or running, abandoned ones left out

 private:
  struct Shared;
  struct Thread;
  void spawn();

  const Limits limits_;
  // shared_ptr: an abandoned thread outlives this object.
  std::shared_ptr<Shared> shared_;
  std::vector<std::unique_ptr<Thread>> threads_;
  unsigned spawned_ = 0;
};

}  // namespace splitprof
