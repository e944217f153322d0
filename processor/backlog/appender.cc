// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/appender.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shared/check.h"

namespace splitprof::backlog {
namespace {

// A segment is what is dropped, or given back to the disk, at once: a small part of the whole, and few files.
constexpr uint64_t kMaxSegmentBytes = 8u << 20;
constexpr uint64_t kMinSegmentBytes = 64u << 10;
constexpr uint64_t kSegmentsAtLeast = 8;
// Two parts each, and IOV_MAX is 1,024.
constexpr size_t kMaxRecordsInWrite = 500;

uint64_t segment_bytes(const Backlog::Options& options) {
  return std::clamp(options.max_bytes / kSegmentsAtLeast, kMinSegmentBytes, kMaxSegmentBytes);
}

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace

uint64_t record_bytes(const PackedBody& body) {
  return sizeof(RecordHeader) + body.bytes.size();
}

uint64_t memory_bytes(const PackedBody& body) {
  return sizeof(LedgerEntry) + body.bytes.size();
}

bool Appender::needs_writing(uint64_t number) const {
  const auto& entries = store_.ledger.entries;
  const auto entry = entries.find(number);
  return entry != entries.end() && entry->second.unwritten && !entry->second.under_way;
}

std::optional<uint64_t> Appender::due() {
  if (writing() || store_.monotonic_ns < retry_at_ns_) return std::nullopt;
  while (!queue_.empty() && !needs_writing(queue_.front())) queue_.pop_front();
  if (queue_.empty()) return std::nullopt;
  const uint64_t first = record_bytes(*store_.ledger.entries.at(queue_.front()).unwritten);
  if (active_ && active_->end > 0 && active_->end + first > segment_bytes(store_.options)) leave();
  return sizeof(SegmentHeader) + first;
}

void Appender::start() {
  if (!active_ && !begin_segment()) return;
  gather();
  send();
}

// False: no file is to be had now.
bool Appender::begin_segment() {
  const uint64_t number = store_.next_segment++;
  auto file = store_.folder.create_segment(number);
  if (!file) {
    failed(file.error().message);
    return false;
  }
  if (const auto used = store_.writer->use(DiskWriter::File::segment, file->get()); !used) {
    failed(used.error().message);
    store_.remove_file(number);
    return false;
  }
  const uint64_t seed = random_seed();
  active_ = Active{.number = number,
                   .file = kj::mv(*file),
                   .header = make_segment_header(number, store_.unix_ns, seed),
                   .last_used_ns = store_.monotonic_ns};
  store_.ledger.segments[number] = {
      .seed = seed, .first_serial = store_.ledger.next_serial, .newest_unix_ns = store_.unix_ns};
  return true;
}

// As many records as the segment and the bound of all bytes have room for; one at least.
void Appender::gather() {
  const uint64_t others = store_.ledger.bytes() - active_->end;
  uint64_t end = active_->end == 0 ? sizeof(SegmentHeader) : active_->end;
  for (; !queue_.empty() && under_way_.size() < kMaxRecordsInWrite; queue_.pop_front()) {
    if (!needs_writing(queue_.front())) continue;
    LedgerEntry& entry = store_.ledger.entries.at(queue_.front());
    const uint64_t after = end + record_bytes(*entry.unwritten);
    const bool fits = after <= segment_bytes(store_.options) && others + after <= store_.options.max_bytes;
    if (!fits && !under_way_.empty()) return;
    RecordHeader& header = entry.header;
    header.serial = store_.ledger.next_serial++;
    const auto stored = std::as_bytes(std::span(entry.unwritten->bytes)).first(entry.unwritten->stored_bytes);
    seal(header, stored, active_->header.seed, end);
    under_way_.push_back({.number = header.number, .offset = end, .header = header, .body = entry.unwritten});
    entry.under_way = true;
    end = after;
  }
}

void Appender::send() {
  const bool new_segment = active_->end == 0;
  parts_.clear();
  if (new_segment) parts_.push_back({&active_->header, sizeof active_->header});
  for (Written& record : under_way_) {
    parts_.push_back({&record.header, sizeof record.header});
    if (!record.body->bytes.empty())
      parts_.push_back({const_cast<char*>(record.body->bytes.data()), record.body->bytes.size()});
  }
  store_.writer->write(DiskWriter::File::segment, active_->end, parts_, new_segment);
}

void Appender::finished(int error) {
  if (error == 0) {
    succeeded();
    under_way_.clear();
    return;
  }
  // In front again, in their order. What may have come to be on the disk in spite of it counts as finished.
  for (auto record = under_way_.rbegin(); record != under_way_.rend(); ++record) {
    store_.ledger.finished.add(record->header.serial, record->header.serial + 1);
    const auto entry = store_.ledger.entries.find(record->number);
    if (entry == store_.ledger.entries.end() || entry->second.unwritten != record->body) continue;
    entry->second.under_way = false;
    queue_.push_front(record->number);
  }
  under_way_.clear();
  store_.progress_dirty = true;
  failed(std::strerror(error));
  if (active_->end > 0 && ftruncate(active_->file.get(), static_cast<off_t>(active_->end)) != 0)
    log::warn("backlog {}: ftruncate: {}", store_.folder.path(), std::strerror(errno));
  // A disk that is full will have room again; of one that is broken another place may work.
  const bool full = error == ENOSPC || error == EDQUOT;
  if (!full || active_->end == 0) leave();
}

void Appender::succeeded() {
  if (failing_) log::info("backlog {}: can be written again", store_.folder.path());
  failing_ = false;
  active_->end = under_way_.back().offset + record_bytes(*under_way_.back().body);
  active_->last_used_ns = store_.monotonic_ns;
  Segment& segment = store_.ledger.segments.at(active_->number);
  segment.bytes = active_->end;
  segment.newest_unix_ns = store_.unix_ns;
  for (const Written& record : under_way_) come_to_be_on_disk(record, segment);
  store_.metrics.backlog_written += under_way_.size();
}

void Appender::come_to_be_on_disk(const Written& record, Segment& segment) {
  Ledger& ledger = store_.ledger;
  const Place place{record.header.serial, active_->number};
  ++segment.live;
  const auto entry = ledger.entries.find(record.number);
  if (entry == ledger.entries.end()) {  // forgotten meanwhile
    ledger.finish(place);
    store_.progress_dirty = true;
    return;
  }
  LedgerEntry& written = entry->second;
  if (written.unwritten != record.body) {  // replaced meanwhile
    written.older.push_back(place);
    return;
  }
  ledger.unwritten_bytes -= memory_bytes(*written.unwritten);
  written.unwritten = nullptr;
  written.under_way = false;
  written.place = place;
  written.offset = record.offset;
  written.header = record.header;
  if (!written.older.empty()) store_.progress_dirty = true;
  for (const Place& older : std::exchange(written.older, {})) ledger.finish(older);
}

void Appender::failed(const std::string& why) {
  ++store_.metrics.backlog_write_errors;
  retry_at_ns_ = store_.monotonic_ns + kRetryNs;
  if (!failing_)
    log::warn("backlog {}: cannot write: {}; what is not on disk yet waits in memory, up to {} bytes",
              store_.folder.path(), why, store_.options.max_unwritten_bytes);
  failing_ = true;
}

void Appender::leave() {
  const uint64_t number = active_->number;
  active_.reset();
  (void)store_.writer->use(DiskWriter::File::segment, -1);  // or a removed file would keep its place on the disk
  const Segment& segment = store_.ledger.segments.at(number);
  if (segment.live == 0) store_.progress_dirty = true;
  if (segment.bytes == 0) store_.remove_segment(number);
}

std::optional<uint64_t> Appender::idle_since_ns() const {
  if (!active_ || writing()) return std::nullopt;
  return active_->last_used_ns;
}

}  // namespace splitprof::backlog
