// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/segment_reader.h"

#include <algorithm>
#include <array>

#include "processor/backlog/folder.h"

namespace splitprof::backlog {
namespace {

using HeaderBytes = std::array<std::byte, 64>;
constexpr size_t kSearchWindowBytes = 1 << 16;

}  // namespace

Result<SegmentReader> SegmentReader::open(int fd) {
  const uint64_t size = TRY(backlog::file_bytes(fd));
  HeaderBytes bytes;
  const size_t n = TRY(read_at(fd, 0, bytes));
  const auto header = TRY(check_segment_header(std::span(bytes).first(n)));
  return SegmentReader(fd, header, size);
}

std::optional<SegmentReader::Record> SegmentReader::record_at(uint64_t offset) const {
  HeaderBytes bytes;
  const auto n = read_at(fd_, offset, bytes);
  if (!n) return std::nullopt;  // an unreadable place of the disk
  const auto header = check_record_header(std::span(bytes).first(*n), header_.seed, offset, file_bytes_);
  if (!header) return std::nullopt;
  return Record{offset, *header};
}

std::optional<SegmentReader::Record> SegmentReader::next() {
  const uint64_t here = sound_bytes_;
  if (here >= file_bytes_) return std::nullopt;
  auto record = record_at(here);
  if (!record) {
    record = search(here + 8);
    if (record) ++damaged_places_;
  }
  if (record) sound_bytes_ = record->end();
  return record;
}

// Records begin at multiples of 8.
std::optional<SegmentReader::Record> SegmentReader::search(uint64_t offset) const {
  std::vector<std::byte> window(kSearchWindowBytes);
  while (offset + sizeof(RecordHeader) <= file_bytes_) {
    const auto n = read_at(fd_, offset, window);
    const size_t usable = n ? *n : 0;
    for (size_t i = 0; i + sizeof(RecordHeader) <= usable; i += 8) {
      const auto header = check_record_header(std::span(window).subspan(i, sizeof(RecordHeader)), header_.seed,
                                              offset + i, file_bytes_);
      if (header) return Record{offset + i, *header};
    }
    // A header may lie across the windows.
    offset += kSearchWindowBytes - sizeof(RecordHeader);
  }
  return std::nullopt;
}

Result<std::vector<std::byte>> read_body(int fd, uint64_t seed, const SegmentReader::Record& record) {
  std::vector<std::byte> body(record.header.stored_bytes);
  const size_t n = TRY(read_at(fd, record.offset + sizeof(RecordHeader), body));
  if (n != body.size()) return fail(Errc::truncated, "the body ends after {} bytes of {}", n, body.size());
  if (!body_is_sound(record.header, body, seed)) return fail(Errc::malformed, "the body's checksum is wrong");
  return body;
}

Result<StoredMessage> read_message(int fd, uint64_t seed, uint64_t offset) {
  const uint64_t size = TRY(file_bytes(fd));
  HeaderBytes bytes;
  const size_t n = TRY(read_at(fd, offset, bytes));
  const auto header = check_record_header(std::span(bytes).first(n), seed, offset, size);
  if (!header) return fail(Errc::malformed, "the record's header is broken");
  const auto body = TRY(read_body(fd, seed, {offset, *header}));
  StoredMessage stored{.header = *header};
  stored.message.kind = header->kind;
  stored.message.items = header->items;
  stored.message.samples = header->samples;
  stored.message.body = TRY(unpack_body(*header, body));
  return stored;
}

}  // namespace splitprof::backlog
