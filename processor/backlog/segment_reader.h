// SPDX-License-Identifier: Apache-2.0
//
// SegmentReader: walks over the headers of one segment's records; bodies are read when they are asked for. What is
// broken is skipped: past a broken header it looks for the next one that is sound, past a broken body it knows the way.
// The bytes may be anybody's. Borrows the descriptor; one thread.
#pragma once

#include <optional>

#include "processor/backlog/format.h"

namespace splitprof::backlog {

class SegmentReader {
 public:
  static Result<SegmentReader> open(int fd);

  struct Record {
    uint64_t offset = 0;  // of the header
    RecordHeader header;
    uint64_t end() const { return offset + sizeof(RecordHeader) + padded(header.stored_bytes); }
  };
  // The next record whose header is sound; nothing at the end.
  std::optional<Record> next();

  const SegmentHeader& header() const { return header_; }
  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t sound_bytes() const { return sound_bytes_; }        // up to the end of the last record that next() found
  uint64_t damaged_places() const { return damaged_places_; }  // skipped between records, so far

 private:
  SegmentReader(int fd, const SegmentHeader& header, uint64_t file_bytes)
      : fd_(fd), header_(header), file_bytes_(file_bytes), sound_bytes_(sizeof header) {}
  std::optional<Record> record_at(uint64_t offset) const;
  std::optional<Record> search(uint64_t offset) const;

  int fd_;
  SegmentHeader header_;
  uint64_t file_bytes_, sound_bytes_;
  uint64_t damaged_places_ = 0;
};

// The stored bytes of a record's body, if their checksum is right.
Result<std::vector<std::byte>> read_body(int fd, uint64_t seed, const SegmentReader::Record& record);
// The record at `offset`, checked in every way.
struct StoredMessage {
  RecordHeader header;
  Message message;
};
Result<StoredMessage> read_message(int fd, uint64_t seed, uint64_t offset);

}  // namespace splitprof::backlog
