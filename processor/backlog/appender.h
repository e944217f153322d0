// SPDX-License-Identifier: Apache-2.0
//
// Appender: gets messages that are not on disk yet into the newest segment, in the order of their coming, many with one
// write; begins a new segment when one is full; tries again when the disk is. Part of a backlog, whose ledger it keeps.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "processor/backlog/store.h"

namespace splitprof::backlog {

// What a record of it takes in a segment, and what it takes in memory until then.
uint64_t record_bytes(const PackedBody& body);
uint64_t memory_bytes(const PackedBody& body);

class Appender {
 public:
  explicit Appender(Store& store) : store_(store) {}

  // The ledger's entry of this number has come, with a body that is not written.
  void add(uint64_t number) { queue_.push_back(number); }
  // The bytes of the record that comes first in the next write, for which there has to be room; nothing: there is none
  // to be written, or not now.
  std::optional<uint64_t> due();
  void start();
  void finished(int error);

  bool writing() const { return !under_way_.empty(); }
  bool appends_to(uint64_t segment) const { return active_ && active_->number == segment; }
  // Nothing is appended to the segment any more. Not while it is written to.
  void leave();
  // Of the segment that is appended to, if nothing is being written: since when.
  std::optional<uint64_t> idle_since_ns() const;
  // Numbers that wait, oldest first; some of them may be written or forgotten by now.
  const std::deque<uint64_t>& queue() const { return queue_; }

 private:
  struct Active {
    uint64_t number = 0;
    kj::AutoCloseFd file;
    uint64_t end = 0;      // where the next record goes: what is before it is on disk
    SegmentHeader header;  // goes out with the first record
    uint64_t last_used_ns = 0;
  };
  struct Written {
    uint64_t number = 0;
    uint64_t offset = 0;
    RecordHeader header;
    std::shared_ptr<const PackedBody> body;  // stays, whatever becomes of the entry
  };

  bool needs_writing(uint64_t number) const;
  bool begin_segment();
  void gather();
  void send();
  void succeeded();
  void come_to_be_on_disk(const Written& record, Segment& segment);
  void failed(const std::string& why);

  Store& store_;
  std::optional<Active> active_;
  std::deque<uint64_t> queue_;
  std::vector<Written> under_way_;  // the records of one write
  std::vector<iovec> parts_;
  uint64_t retry_at_ns_ = 0;
  bool failing_ = false;  // has been logged
};

}  // namespace splitprof::backlog
