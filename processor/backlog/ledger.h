// SPDX-License-Identifier: Apache-2.0
//
// Ledger: what a backlog holds, in memory: which message is in which record of which segment, which are taken, and
// which records are finished, so that segments that nobody needs can go. Owned by the backlog; touches no file.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "processor/backlog/format.h"

namespace splitprof::backlog {

// What memory is taken for: about 300 bytes each. Past it the oldest segment goes.
constexpr size_t kMaxMessages = 100'000;

// Finished serials as ranges: [first, end) under its first.
class SerialSet {
 public:
  void add(uint64_t first, uint64_t end);
  bool contains(uint64_t serial) const;
  // All below `serial`, so that they become one range.
  void fill_below(uint64_t serial) { add(0, serial); }
  std::vector<SerialRange> ranges() const;
  uint64_t end() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }

 private:
  std::map<uint64_t, uint64_t> ranges_;
};

struct Segment {
  uint64_t seed = 0;
  uint64_t bytes = 0;  // of the file, as far as it is known to be written
  uint64_t first_serial = 0;
  uint64_t newest_unix_ns = 0;
  uint32_t live = 0;  // records in it that are not finished
};

// Where a record is, so that it can be finished.
struct Place {
  uint64_t serial = 0;
  uint64_t segment = 0;
};

struct LedgerEntry {
  Place place;                                  // serial 0: not on disk yet
  uint64_t offset = 0;                          // in its segment
  RecordHeader header;                          // kind, number, sizes; sealed only when it is written
  std::shared_ptr<const PackedBody> unwritten;  // shared with the write that is under way; null once it is on disk
  std::vector<Place> older;                     // records of the same message that this one replaces once it is on disk
  bool taken = false;
  bool under_way = false;  // `unwritten` is being written
};

struct Ledger {
  std::map<uint64_t, LedgerEntry> entries;  // by number
  std::map<uint64_t, Segment> segments;     // by number: in the order of writing
  SerialSet finished;
  uint64_t next_serial = 1;
  uint64_t unwritten_bytes = 0;  // that messages take which are not on disk yet

  // A record that was found in a segment or has come to be on disk; the older one of a message's two is finished.
  void add_found(const RecordHeader& header, uint64_t segment, uint64_t offset);
  void finish(const Place& place);
  // Its records, too.
  void erase(std::map<uint64_t, LedgerEntry>::iterator entry);
  uint64_t bytes() const;  // of all segments
  // What is below the first segment's serials needs no telling apart.
  void tidy_finished();
};

}  // namespace splitprof::backlog
