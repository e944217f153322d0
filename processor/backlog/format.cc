// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/format.h"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "processor/elf/bytes.h"

namespace splitprof::backlog {
namespace {

constexpr uint64_t kSegmentMagic = 0x474c4b4341425053;   // "SPBACKLG"
constexpr uint64_t kProgressMagic = 0x53524750424b5053;  // "SPKBPGRS"
constexpr uint32_t kRecordMagic = 0x43525053;            // "SPRC"
// Level 1: bodies are text that repeats itself, and the time is the export thread's.
constexpr int kZstdLevel = 1;

struct ProgressHeader {
  uint64_t magic = 0;
  uint32_t version = 0;
  uint32_t count = 0;
  uint64_t sequence = 0;
  uint64_t checksum = 0;  // XXH3_64 of what stands before it and of the ranges, one seeding the other
};
static_assert(sizeof(ProgressHeader) == 32);

uint64_t hash(const void* data, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t progress_checksum(const ProgressHeader& header, std::span<const std::byte> ranges) {
  return hash(ranges.data(), ranges.size(), hash(&header, offsetof(ProgressHeader, checksum), 0));
}

}  // namespace

SegmentHeader sealed(SegmentHeader header) {
  header.magic = kSegmentMagic;
  header.checksum = hash(&header, offsetof(SegmentHeader, checksum), 0);
  return header;
}

SegmentHeader make_segment_header(uint64_t number, uint64_t created_unix_ns, uint64_t seed) {
  return sealed({.version = kVersion, .number = number, .created_unix_ns = created_unix_ns, .seed = seed});
}

Result<SegmentHeader> check_segment_header(std::span<const std::byte> bytes) {
  SegmentHeader header;
  if (!Bytes(bytes).read_into(header)) return fail(Errc::truncated, "no whole header");
  if (header.magic != kSegmentMagic) return fail(Errc::malformed, "not a segment of a backlog");
  if (header.checksum != hash(&header, offsetof(SegmentHeader, checksum), 0))
    return fail(Errc::malformed, "the header's checksum is wrong");
  if (header.version != kVersion)
    return fail(Errc::unsupported, "format {}; this program knows {}", header.version, kVersion);
  if (header.number > kMaxNumber) return fail(Errc::malformed, "segment number {}", header.number);
  return header;
}

void seal(RecordHeader& header, std::span<const std::byte> body, uint64_t seed, uint64_t offset) {
  header.magic = kRecordMagic;
  header.body_checksum = hash(body.data(), body.size(), seed);
  header.checksum = hash(&header, offsetof(RecordHeader, checksum), seed + offset);
}

std::optional<RecordHeader> check_record_header(std::span<const std::byte> bytes, uint64_t seed, uint64_t offset,
                                                uint64_t file_bytes) {
  RecordHeader header;
  if (!Bytes(bytes).read_into(header) || header.magic != kRecordMagic) return std::nullopt;
  if (header.checksum != hash(&header, offsetof(RecordHeader, checksum), seed + offset)) return std::nullopt;
  const bool lengths_fit = header.body_bytes <= kMaxBodyBytes && header.stored_bytes <= header.body_bytes &&
                           offset + sizeof header + padded(header.stored_bytes) <= file_bytes;
  const bool known =
      header.compression == kZstd || (header.compression == kStored && header.stored_bytes == header.body_bytes);
  if (!lengths_fit || !known || header.serial > kMaxNumber || header.number > kMaxNumber) return std::nullopt;
  return header;
}

bool body_is_sound(const RecordHeader& header, std::span<const std::byte> body, uint64_t seed) {
  return body.size() == header.stored_bytes && header.body_checksum == hash(body.data(), body.size(), seed);
}

PackedBody pack_body(std::string_view body) {
  PackedBody packed;
  packed.bytes.resize(ZSTD_compressBound(body.size()));
  const size_t size = ZSTD_compress(packed.bytes.data(), packed.bytes.size(), body.data(), body.size(), kZstdLevel);
  if (!ZSTD_isError(size) && size < body.size()) {
    packed.compression = kZstd;
    packed.stored_bytes = static_cast<uint32_t>(size);
    packed.bytes.resize(size);
  } else {
    packed.stored_bytes = static_cast<uint32_t>(body.size());
    packed.bytes.assign(body);
  }
  packed.bytes.resize(padded(packed.stored_bytes));
  packed.bytes.shrink_to_fit();
  return packed;
}

Result<std::string> unpack_body(const RecordHeader& header, std::span<const std::byte> body) {
  if (header.compression == kStored) return std::string(reinterpret_cast<const char*>(body.data()), body.size());
  if (ZSTD_getFrameContentSize(body.data(), body.size()) != header.body_bytes)
    return fail(Errc::malformed, "the compressed body is not of {} bytes", header.body_bytes);
  std::string text(header.body_bytes, '\0');
  const size_t size = ZSTD_decompress(text.data(), text.size(), body.data(), body.size());
  if (ZSTD_isError(size)) return fail(Errc::malformed, "zstd: {}", ZSTD_getErrorName(size));
  if (size != text.size()) return fail(Errc::malformed, "{} bytes instead of {}", size, text.size());
  return text;
}

std::string encode_progress(const Progress& progress) {
  const auto ranges =
      std::as_bytes(std::span(progress.finished).first(std::min(progress.finished.size(), kMaxProgressRanges)));
  ProgressHeader header{.magic = kProgressMagic,
                        .version = kVersion,
                        .count = static_cast<uint32_t>(ranges.size() / sizeof(SerialRange)),
                        .sequence = progress.sequence};
  header.checksum = progress_checksum(header, ranges);
  std::string slot(sizeof header + ranges.size(), '\0');
  std::memcpy(slot.data(), &header, sizeof header);
  if (!ranges.empty()) std::memcpy(slot.data() + sizeof header, ranges.data(), ranges.size());
  return slot;
}

std::optional<Progress> decode_progress(std::span<const std::byte> slot) {
  Bytes in(slot);
  ProgressHeader header;
  if (!in.read_into(header) || header.magic != kProgressMagic || header.version != kVersion) return std::nullopt;
  if (header.count > kMaxProgressRanges || header.count * sizeof(SerialRange) > in.remaining()) return std::nullopt;
  const auto ranges = slot.subspan(sizeof header, header.count * sizeof(SerialRange));
  if (header.checksum != progress_checksum(header, ranges)) return std::nullopt;
  Progress progress{.sequence = header.sequence, .finished = std::vector<SerialRange>(header.count)};
  uint64_t last = 0;
  for (SerialRange& range : progress.finished) {
    if (!in.read_into(range)) return std::nullopt;
    const bool ascends = range.first < range.end && (range.first > last || last == 0) && range.end <= kMaxNumber;
    if (!ascends) return std::nullopt;
    last = range.end;
  }
  return progress;
}

}  // namespace splitprof::backlog
