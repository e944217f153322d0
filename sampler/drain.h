// SPDX-License-Identifier: Apache-2.0
//
// From the kernel's rings to the shared one: the side band first, then the samples, each as a typed record. Copies and
// counts; neither parses nor follows a value that a target chose. No allocation per sample. Belongs to the sampler's
// one thread.
#pragma once

#include <kj/io.h>

#include <array>
#include <cstdint>
#include <span>

#include "bpf/abi.h"
#include "sampler/counters.h"
#include "sampler/programs.h"
#include "sampler/side_band.h"
#include "sampler/targets.h"
#include "schema/records.capnp.h"
#include "shared/ring.h"

struct ring_buffer;

namespace splitprof {

// Where records go while a processor is connected.
struct RecordSink {
  RingWriter ring;
  kj::AutoCloseFd wakeup;  // a byte here wakes the reader; written with MSG_DONTWAIT
};

class Drain {
 public:
  // Who else hears of what passes; called while run() is at work.
  struct Listener {
    virtual ~Listener() = default;
    virtual void on_fork(uint32_t parent_pid, uint32_t pid) = 0;
    virtual void on_exec(const sp_exec& exec, uint64_t key) = 0;  // key: of the new program, in `targets`
  };
  // `programs` is needed for its ring only.
  Drain(const Programs& programs, SideBand& side_band, Targets& targets, SamplerCounters& counters, Listener& listener);
  ~Drain();
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  // `sink` outlives its stay here; null: nobody is connected. The sink that leaves is accounted for: what its reader
  // has not consumed counts as abandoned.
  void set_sink(RecordSink* sink);
  // Moves everything that waits. An error when the reader's position is a lie: its session has to end. The reader is
  // woken for samples; what else there is can wait for them, unless `wake_for_events`.
  Result<> run(bool wake_for_events);
  // A descriptor that becomes readable when BPF wakes user space; this object's.
  int wake_fd() const;
  // Tells the reader that the executable of that exec was taken, and wakes it for some of them: where an interpreter
  // began, the first sample is worth more when its place is known already.
  void tell_taken(const sp_exec& exec, uint64_t key);

 private:
  static int on_record(void* self, void* data, size_t bytes);
  void on_sample(const sp_sample& sample, std::span<const uint8_t> rest);
  void on_event(const SideBandEvent& event);
  void tell_loss();
  void tell_clock();
  // Builds one record with `fill(schema::Record::Builder)`; false when the ring had no room.
  void wake();
  template <typename Fill>
  bool publish(size_t words, uint32_t format, Fill&& fill);
  Result<> collect();

  SideBand& side_band_;
  Targets& targets_;
  SamplerCounters& counters_;
  Listener& listener_;
  ring_buffer* ring_ = nullptr;
  RecordSink* sink_ = nullptr;
  uint64_t told_published_ = 0, told_consumed_ = 0;  // of the sink's own counts
  // Not told to the reader yet.
  uint64_t pending_ring_full_ = 0;
  uint64_t told_no_client_ = 0;
  std::array<uint64_t, 64> pending_side_band_{};  // by CPU number modulo 64: an approximation on larger machines
  bool kernel_symbols_changed_ = false;
  int64_t wall_offset_ns_ = 0;
  uint64_t clock_told_ns_ = 0;
  __u64 taken_wakes_full_at_ns_ = 0;  // see bpf/bucket.h
};

}  // namespace splitprof
