// SPDX-License-Identifier: Apache-2.0
//
// A backlog's files from a stranger. The first byte says what the rest is: a progress slot, a segment as it stands, or
// a segment whose checksums are put right first, which no fuzzer finds by itself. What is accepted keeps its promises:
// records in order, inside the file, apart from each other; bodies of the size that their headers say.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>

#include "processor/backlog/folder.h"
#include "processor/backlog/segment_reader.h"
#include "shared/check.h"

namespace splitprof::backlog {
namespace {

constexpr uint64_t kSeed = 0x5eed;

// Headers follow each other as their lengths say; the body's checksum is right where the whole body is there.
void put_right(std::vector<std::byte>& bytes) {
  const SegmentHeader segment = make_segment_header(1, 0, kSeed);
  if (bytes.size() < sizeof segment) bytes.resize(sizeof segment);
  std::memcpy(bytes.data(), &segment, sizeof segment);
  RecordHeader header;
  for (size_t at = sizeof segment; at + sizeof header <= bytes.size();) {
    std::memcpy(&header, &bytes[at], sizeof header);
    const size_t left = bytes.size() - at - sizeof header;
    const std::span body(bytes.data() + at + sizeof header, std::min<size_t>(left, header.stored_bytes));
    seal(header, body, kSeed, at);
    std::memcpy(&bytes[at], &header, sizeof header);
    at += sizeof header + std::min<size_t>(left, padded(header.stored_bytes));
  }
}

void read_segment(std::span<const std::byte> bytes) {
  static const int fd = memfd_create("segment", MFD_CLOEXEC);
  CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
  CHECK(pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  auto reader = SegmentReader::open(fd);
  if (!reader) return;
  uint64_t end = sizeof(SegmentHeader);
  while (const auto record = reader->next()) {
    CHECK(record->offset >= end && record->offset % 8 == 0 && record->end() <= bytes.size());
    CHECK(reader->sound_bytes() == record->end());
    end = record->end();
    const auto message = read_message(fd, reader->header().seed, record->offset);
    if (!message) continue;
    CHECK(message->message.body.size() == record->header.body_bytes && message->message.body.size() <= kMaxBodyBytes);
    CHECK(message->header.serial == record->header.serial);
    CHECK(read_body(fd, reader->header().seed, *record).has_value());
  }
  CHECK(reader->damaged_places() <= bytes.size() / 64);
}

void read_slot(std::vector<std::byte> slot) {
  if (const auto progress = decode_progress(slot)) {
    const std::string again = encode_progress(*progress);
    CHECK(again.size() <= slot.size() && std::memcmp(again.data(), slot.data(), again.size()) == 0);
    uint64_t last = 0;
    for (const SerialRange& range : progress->finished) {
      CHECK(range.first < range.end && (last == 0 || range.first > last));
      last = range.end;
    }
  }
}

// As read_slot(), with magic, version and checksum put right.
void put_slot_right(std::vector<std::byte>& slot) {
  if (slot.size() < 32) return;
  const std::string model = encode_progress({});
  std::memcpy(slot.data(), model.data(), 12);
  uint32_t count = 0;
  std::memcpy(&count, &slot[12], sizeof count);
  if (count > (slot.size() - 32) / 16) return;
  const uint64_t checksum = XXH3_64bits_withSeed(&slot[32], count * 16, XXH3_64bits_withSeed(slot.data(), 24, 0));
  std::memcpy(&slot[24], &checksum, sizeof checksum);
}

}  // namespace
}  // namespace splitprof::backlog

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof::backlog;
  if (size == 0 || size > 1 << 20) return 0;
  const auto input = std::as_bytes(std::span(data + 1, size - 1));
  std::vector<std::byte> bytes(input.begin(), input.end());
  switch (data[0] % 4) {
    case 0:
      read_segment(bytes);
      break;
    case 1:
      put_right(bytes), read_segment(bytes);
      break;
    case 2:
      read_slot(bytes);
      break;
    default:
      put_slot_right(bytes), read_slot(bytes);
  }
  return 0;
}
