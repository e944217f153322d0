// SPDX-License-Identifier: Apache-2.0
//
// Orderer: puts samples and process events in order of time. They come from several buffers of several CPUs, so each
// waits until nothing older can come any more. Owns the records that wait and uses their memory again. Main thread;
// knows nothing of what a record means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "processor/ingest/record.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class Orderer {
 public:
  struct Limits {
    uint64_t slack_ns = 100'000'000;  // how late a record may come: the sampler drains at least ten times a second
    size_t max_records = 1u << 15;    // 100 ms of 300,000 records a second; past it the oldest goes on early
    size_t max_bytes = 64u << 20;     // likewise, in bytes of messages
  };

  explicit Orderer(Metrics& metrics) : Orderer(metrics, Limits()) {}
  Orderer(Metrics& metrics, Limits limits) : metrics_(metrics), limits_(limits) {}

  // Where to decode the next record into; push() then makes it wait for its turn. A slot that is not pushed is given
  // again.
  Record& slot();
  void push(uint64_t time_ns, size_t message_bytes);

  // Time has come so far: by the clock, or by a record.
  void advance(uint64_t now_ns);
  // The oldest record whose turn it is; null: none. Valid until the next call of any method.
  Record* pop();
  // The oldest record, whether or not it is its turn.
  Record* pop_any();
  size_t waiting() const { return heap_.size(); }

 private:
  struct Entry {
    uint64_t time_ns;
    uint64_t sequence;  // keeps records of the same time in the order of their arrival
    size_t bytes;
    std::unique_ptr<Record> record;
  };
  static bool later(const Entry& a, const Entry& b);
  void recycle();

  Metrics& metrics_;
  const Limits limits_;
  std::unique_ptr<Record> slot_;
  std::unique_ptr<Record> popped_;
  std::vector<std::unique_ptr<Record>> free_;
  std::vector<Entry> heap_;  // the oldest first, as std::push_heap keeps it
  size_t bytes_ = 0;
  uint64_t sequence_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t last_popped_ns_ = 0;
};

}  // namespace splitprof
