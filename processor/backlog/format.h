// SPDX-License-Identifier: Apache-2.0
//
// Format: the bytes of a backlog's files, one function to make and one to check each part. Nothing that is read is
// believed before its checksum was right, and no length before it was compared with what there is. Pure functions.
// Drawn in docs/backlog.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "processor/pipelines/message.h"
#include "shared/result.h"

namespace splitprof::backlog {

constexpr uint16_t kVersion = 1;
// A body that is larger is not kept: what a reader has to be ready to take memory for.
constexpr uint32_t kMaxBodyBytes = 64u << 20;
constexpr uint64_t kMaxNumber = uint64_t{1} << 62;  // of messages, records and segments: sums of ours cannot overflow

struct SegmentHeader {
  uint64_t magic = 0;
  uint16_t version = 0;
  uint16_t zero[3] = {};
  uint64_t number = 0;
  uint64_t created_unix_ns = 0;
  uint64_t seed = 0;  // random, of all checksums in the segment: nobody can plan what passes for a record in it
  uint64_t zeros[2] = {};
  uint64_t checksum = 0;  // XXH3_64 of what stands before it
};
static_assert(sizeof(SegmentHeader) == 64);

struct RecordHeader {
  uint32_t magic = 0;
  uint16_t kind = 0;        // Message::kind
  uint8_t compression = 0;  // kStored or kZstd
  uint8_t zero = 0;
  uint64_t serial = 0;  // of the record: ascends from record to record
  uint64_t number = 0;  // of the message: its place in the order. Of two records the one of the higher serial counts
  uint64_t written_unix_ns = 0;
  uint32_t items = 0;
  uint32_t samples = 0;
  uint32_t stored_bytes = 0;   // of the body, in the file; then zeros up to a multiple of 8
  uint32_t body_bytes = 0;     // of the body, decompressed
  uint64_t body_checksum = 0;  // XXH3_64 of the stored bytes
  uint64_t checksum = 0;       // XXH3_64 of what stands before it, seeded with its place
};
static_assert(sizeof(RecordHeader) == 64);

constexpr uint8_t kStored = 0;
constexpr uint8_t kZstd = 1;

SegmentHeader sealed(SegmentHeader header);  // magic and checksum filled in
SegmentHeader make_segment_header(uint64_t number, uint64_t created_unix_ns, uint64_t seed);
Result<SegmentHeader> check_segment_header(std::span<const std::byte> bytes);

// Bytes that a body takes in the file.
constexpr uint64_t padded(uint64_t stored_bytes) {
  return (stored_bytes + 7) / 8 * 8;
}
// Fills magic and checksums in. `body`: the stored bytes, without padding.
void seal(RecordHeader& header, std::span<const std::byte> body, uint64_t seed, uint64_t offset);
// The header at `offset` of a file of `file_bytes`, if its checksum is right and its body lies in the file.
std::optional<RecordHeader> check_record_header(std::span<const std::byte> bytes, uint64_t seed, uint64_t offset,
                                                uint64_t file_bytes);
bool body_is_sound(const RecordHeader& header, std::span<const std::byte> body, uint64_t seed);

// A body as it is stored: compressed where that is shorter, and padded.
struct PackedBody {
  std::string bytes;
  uint32_t stored_bytes = 0;  // without the padding
  uint8_t compression = kStored;
};
PackedBody pack_body(std::string_view body);
// `body`: stored bytes whose checksum was right.
Result<std::string> unpack_body(const RecordHeader& header, std::span<const std::byte> body);

// What is finished, in serials: ranges [first, end), ascending, apart from each other.
struct SerialRange {
  uint64_t first = 0, end = 0;
  friend bool operator==(const SerialRange&, const SerialRange&) = default;
};
struct Progress {
  uint64_t sequence = 0;  // the higher one of two slots counts
  std::vector<SerialRange> finished;
};
// Two slots of this size make a file; they are written by turns, so that a torn write costs the newer one only.
constexpr uint64_t kProgressSlotBytes = 1 << 16;
constexpr size_t kMaxProgressRanges = (kProgressSlotBytes - 32) / sizeof(SerialRange);
// Ranges past the most are left out: what they name would be sent again.
std::string encode_progress(const Progress& progress);
std::optional<Progress> decode_progress(std::span<const std::byte> slot);

}  // namespace splitprof::backlog
