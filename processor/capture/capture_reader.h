// SPDX-License-Identifier: Apache-2.0
//
// CaptureReader: an Input that replays a capture, without threads and as fast as it can. While the same program
// replays, every event comes as it did. Another version may ask and read other things: questions are known by what they
// ask, reads by what they cover, and what cannot be answered is answered `gone` and counted. One thread.
#pragma once

#include <deque>
#include <functional>
#include <unordered_map>

#include "processor/capture/captured_reads.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class CaptureReader final : public Input {
 public:
  // All three outlive this object; the index is changed while it is used.
  CaptureReader(CaptureFile& file, CaptureIndex& index, Metrics& metrics);

  Event next() override;
  void ask(Ticket ticket, Question question) override;
  void start(std::unique_ptr<Job> job) override;

  // Nothing was asked or read that the capture does not hold, nothing in another order, and all of it was replayed.
  bool exact() const;

 private:
  struct Alike {  // questions of one identity, in by_identity_
    uint32_t next = 0, end = 0;
  };

  std::optional<Event> next_recorded();
  std::optional<Event> take(Entry entry);
  Event after_the_end();
  Event answer(Ticket ticket, const CapturedValue& value);
  Event finish(std::unique_ptr<Job> job);
  bool has_passed(Place place) const { return place < cursor_.next_place(); }

  CaptureFile& file_;
  CaptureIndex& index_;
  Metrics& metrics_;
  CapturedReads reads_;
  EntryCursor cursor_;
  std::deque<Event> ready_;                                   // to be handed out before anything recorded
  std::vector<uint32_t> by_identity_;                         // the index's questions; those alike in their order
  std::unordered_map<uint64_t, Alike> questions_;             // by identity
  std::unordered_map<Ticket, Ticket> waiting_;                // tickets of the capture, and those of who waits now
  std::unordered_map<JobNumber, std::unique_ptr<Job>> jobs_;  // that wait for their turn
  JobNumber next_job_ = 0;
  std::vector<uint64_t> message_;  // of the record that was handed out last
  uint64_t last_tick_ns_ = 0;
  bool ended_ = false;
  bool stopped_ = false;
};

}  // namespace splitprof
