// SPDX-License-Identifier: Apache-2.0
//
// The shared-memory ring from sampler to processor: one writer, one reader, each of which assumes that the other lies.
// The data lives in a memfd that the reader can only map read-only; the reader's position lives in a second memfd.
// docs/records.md gives the layout byte by byte. Neither class starts threads or blocks; each belongs to one thread.
#pragma once

#include <kj/io.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "shared/result.h"

namespace splitprof {

constexpr uint64_t kRingMagic = 0x31474e4952505053;  // "SPPRING1", little-endian
constexpr uint32_t kRingVersion = 1;
constexpr size_t kMinRingBytes = 256 * 1024;
constexpr size_t kMaxRingBytes = 1024 * 1024 * 1024;
constexpr size_t kMaxRecordBytes = 128 * 1024;  // header included

// First page of the data memfd. The rest of the file is the data area, mapped twice in a row so that no record wraps.
struct RingHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t header_bytes;    // where the data area begins: one page, 4,096 bytes nearly everywhere
  uint64_t data_bytes;      // a power of two, a multiple of the page size
  uint64_t write_position;  // bytes written since the beginning; grows for ever
};

// The position memfd, one page, written by the reader.
struct RingPosition {
  uint64_t read_position;  // bytes that the reader is done with
};

// What stands before each record; a record begins on a multiple of 8 bytes.
struct RecordHeader {
  uint32_t words;   // 8-byte words of the message after this header
  uint32_t format;  // kFormatRecord; a reader skips and counts what it does not know
};
constexpr uint32_t kFormatRecord = 1;        // one Cap'n Proto segment, root Record, that is not a Sample
constexpr uint32_t kFormatSampleRecord = 2;  // the same, and it is a Sample: what the accounting counts

class RingWriter {
 public:
  // `data_bytes`: a power of two from 256 KiB to 1 GiB.
  static Result<RingWriter> create(size_t data_bytes);
  RingWriter(RingWriter&&) noexcept;
  RingWriter& operator=(RingWriter&&) noexcept;
  ~RingWriter();

  int data_fd() const;      // owned by this object; sealed
  int position_fd() const;  // likewise

  // Room for a message of at most `words` words, zeroed (so ask for what is needed), or empty when the ring is full as
  // of the last collect_consumed. Valid until the next call. 0 < words, words * 8 + 8 <= kMaxRecordBytes.
  std::span<uint64_t> reserve(size_t words);
  // Publishes what `reserve` gave, cut to `words`.
  void commit(size_t words, uint32_t format);

  // Counts what the reader has consumed since the last call. An error when its position is a lie: going backwards,
  // past what was written, or into the middle of a record. Then the session has to end.
  Result<> collect_consumed();
  uint64_t published_samples() const;
  uint64_t consumed_samples() const;
  // True once after one or more `commit`s when the reader may be asleep: it had consumed everything before, or half of
  // the ring is in use. The caller then wakes the reader.
  bool should_wake();
  size_t used_bytes() const;  // as of the last collect_consumed

 private:
  struct State;
  explicit RingWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class RingReader {
 public:
  // Takes descriptors as they came from the peer: checks seals, sizes and the header, and refuses anything odd.
  static Result<RingReader> open(kj::AutoCloseFd data, kj::AutoCloseFd position);
  RingReader(RingReader&&) noexcept;
  RingReader& operator=(RingReader&&) noexcept;
  ~RingReader();

  struct Message {
    uint32_t format = 0;
    std::span<const uint64_t> words;  // copied out: valid until the next call
  };
  // The next record; empty when there is none: then everything has been released, and the writer will wake this side
  // when the next record comes. An error when the writer broke the layout: then there is no going on.
  Result<std::optional<Message>> next();
  // Gives back the room of everything that `next` returned.
  void release();

 private:
  struct State;
  explicit RingReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
