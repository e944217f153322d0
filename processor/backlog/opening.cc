// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/opening.h"

#include "processor/backlog/segment_reader.h"
#include "shared/log.h"

namespace splitprof::backlog {
namespace {

// The last thing in the last segment: if it is not whole, it was being written when the process died, and nobody was
// told that it is safe. A torn header is not found at all, a torn body has a header.
bool is_torn(int fd, const SegmentReader& reader, const SegmentReader::Record& record) {
  return record.end() >= reader.file_bytes() && !read_body(fd, reader.header().seed, record).has_value();
}

struct Opening {
  const Folder& folder;
  ExporterMetrics& metrics;
  Found found;

  void discard(uint64_t number, const std::string& why) {
    log::warn("backlog {}: {} is removed: {}", folder.path(), segment_name(number), why);
    if (const auto removed = folder.remove_segment(number); !removed)
      log::warn("backlog {}: {}", folder.path(), removed.error().message);
  }

  void cut_off(uint64_t number, uint64_t bytes, uint64_t sound) {
    log::info("backlog {}: {} bytes that a crash left unfinished are cut off {}", folder.path(), bytes - sound,
              segment_name(number));
    if (const auto cut = folder.truncate_segment(number, sound); !cut)
      log::warn("backlog {}: {}", folder.path(), cut.error().message);
  }

  Result<> read_segment(uint64_t number, bool last) {
    const auto file = TRY(folder.open_segment(number));
    auto reader = SegmentReader::open(file.get());
    if (!reader && reader.error().code == Errc::unsupported)
      return fail(Errc::unsupported, "{}/{}: {}; send it with the program that wrote it, or remove it", folder.path(),
                  segment_name(number), reader.error().message);
    if (!reader || reader->header().number != number) {
      // A crash leaves the newest one without a header: it had no message yet.
      const bool unborn = last && !reader && reader.error().code == Errc::truncated;
      if (!unborn) ++metrics.backlog_damaged;
      discard(number, reader ? "it is a copy of another" : reader.error().message);
      return Ok{};
    }
    Segment& segment = found.ledger.segments[number];
    segment.seed = reader->header().seed;
    segment.newest_unix_ns = reader->header().created_unix_ns;
    uint64_t sound = reader->sound_bytes();
    while (const auto record = reader->next()) {
      if (found.ledger.entries.size() >= kMaxMessages) break;  // more than was ever written: whatever it is, no more
      if (last && is_torn(file.get(), *reader, *record)) break;
      if (segment.first_serial == 0) segment.first_serial = record->header.serial;
      found.ledger.add_found(record->header, number, record->offset);
      sound = reader->sound_bytes();
    }
    uint64_t damaged = reader->damaged_places();
    segment.bytes = reader->file_bytes();
    if (sound < segment.bytes && last) {
      cut_off(number, segment.bytes, sound);
      segment.bytes = sound;
    } else if (sound < segment.bytes) {
      ++damaged;
    }
    if (damaged > 0)
      log::warn("backlog {}: {} is damaged in {} places: what is broken is left out", folder.path(),
                segment_name(number), damaged);
    metrics.backlog_damaged += damaged;
    return Ok{};
  }

  Result<> read_all() {
    if (const auto file = folder.open_progress(false)) {
      if (const auto progress = read_progress(file->get())) {
        found.progress_sequence = progress->sequence;
        for (const SerialRange& range : progress->finished) found.ledger.finished.add(range.first, range.end);
        found.ledger.next_serial = std::max<uint64_t>(found.ledger.finished.end(), 1);
      }
    }
    const auto numbers = TRY(folder.segments());
    for (const uint64_t number : numbers) {
      if (const auto read = read_segment(number, number == numbers.back()); !read) {
        if (read.error().code == Errc::unsupported) return read.error();
        ++metrics.backlog_damaged;
        log::warn("backlog {}: {}", folder.path(), read.error().message);
      }
      found.next_segment = number + 1;
    }
    auto& segments = found.ledger.segments;
    for (auto segment = segments.begin(); segment != segments.end();) {
      if (segment->second.live > 0) {
        ++segment;
        continue;
      }
      if (const auto removed = folder.remove_segment(segment->first); !removed)
        log::warn("backlog {}: {}", folder.path(), removed.error().message);
      segment = segments.erase(segment);
    }
    found.ledger.tidy_finished();
    return Ok{};
  }
};

}  // namespace

std::optional<Progress> read_progress(int fd) {
  std::optional<Progress> newest;
  std::vector<std::byte> slot(kProgressSlotBytes);
  for (const uint64_t offset : {uint64_t{0}, kProgressSlotBytes}) {
    const auto n = read_at(fd, offset, slot);
    auto progress = n ? decode_progress(std::span(slot).first(*n)) : std::nullopt;
    if (progress && (!newest || progress->sequence > newest->sequence)) newest = std::move(progress);
  }
  return newest;
}

Result<Found> read_folder(const Folder& folder, ExporterMetrics& metrics) {
  Opening opening{.folder = folder, .metrics = metrics};
  TRY(opening.read_all());
  return std::move(opening.found);
}

}  // namespace splitprof::backlog
