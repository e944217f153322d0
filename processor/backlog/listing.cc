// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/listing.h"

#include <algorithm>
#include <unordered_map>

#include "processor/backlog/opening.h"
#include "processor/backlog/segment_reader.h"

namespace splitprof::backlog {
namespace {

// What memory is taken for: some tens of bytes each.
constexpr size_t kMaxRecords = 1'000'000;

struct Seen {
  size_t segment = 0;  // in the listing
  RecordHeader header;
  bool sound = false;
};

void add(Sums& sums, const RecordHeader& header) {
  ++sums.messages;
  sums.items += header.items;
  sums.samples += header.samples;
  ++sums.messages_by_kind[header.kind];
  const uint64_t written = header.written_unix_ns;
  if (sums.oldest_unix_ns == 0 || written < sums.oldest_unix_ns) sums.oldest_unix_ns = written;
  sums.newest_unix_ns = std::max(sums.newest_unix_ns, written);
}

void read_segment(const Folder& folder, bool last, SegmentListing& listing, size_t index, std::vector<Seen>& seen) {
  const auto file = folder.open_segment(listing.number);
  auto reader = file ? SegmentReader::open(file->get()) : Result<SegmentReader>(file.error());
  if (!reader) {
    listing.problem = reader.error().message;
    return;
  }
  listing.bytes = reader->file_bytes();
  if (reader->header().number != listing.number) {
    listing.problem = "a copy of another segment";
    return;
  }
  uint64_t sound_bytes = reader->sound_bytes();
  while (const auto record = reader->next()) {
    const bool sound = read_body(file->get(), reader->header().seed, *record).has_value();
    if (last && !sound && record->end() >= listing.bytes) break;
    sound_bytes = record->end();
    if (seen.size() < kMaxRecords) seen.push_back({index, record->header, sound});
  }
  listing.damaged_places = reader->damaged_places();
  if (last)
    listing.unfinished_bytes = listing.bytes - sound_bytes;
  else if (sound_bytes < listing.bytes)
    ++listing.damaged_places;
}

}  // namespace

bool Listing::damaged() const {
  return std::ranges::any_of(segments, [](const SegmentListing& one) {
    return one.damaged_places > 0 || one.damaged_bodies > 0 || !one.problem.empty();
  });
}

Result<Listing> list_folder(const std::string& path) {
  const auto folder = TRY(Folder::open_for_reading(path));
  Listing listing{.in_use = folder.in_use()};
  SerialSet finished;
  if (const auto file = folder.open_progress(false))
    if (const auto progress = read_progress(file->get())) {
      listing.has_progress = true;
      for (const SerialRange& range : progress->finished) finished.add(range.first, range.end);
    }
  std::vector<Seen> seen;
  const auto numbers = TRY(folder.segments());
  for (const uint64_t number : numbers) {
    listing.segments.push_back({.number = number});
    read_segment(folder, number == numbers.back(), listing.segments.back(), listing.segments.size() - 1, seen);
  }
  listing.cut = seen.size() >= kMaxRecords;
  std::unordered_map<uint64_t, uint64_t> newest;  // serial of a message's record that counts
  for (const Seen& one : seen) newest[one.header.number] = std::max(newest[one.header.number], one.header.serial);
  for (const Seen& one : seen) {
    SegmentListing& segment = listing.segments[one.segment];
    if (finished.contains(one.header.serial) || newest[one.header.number] != one.header.serial) {
      ++segment.finished;
    } else if (!one.sound) {
      ++segment.damaged_bodies;
    } else {
      add(segment.waiting, one.header);
      add(listing.waiting, one.header);
    }
  }
  return listing;
}

}  // namespace splitprof::backlog
