// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/backlog.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>

#include "processor/backlog/disk_writer.h"
#include "processor/backlog/opening.h"
#include "processor/backlog/segment_reader.h"
#include "shared/check.h"
#include "shared/log.h"

namespace splitprof {

using namespace backlog;

namespace {

// A segment is what is dropped, or given back to the disk, at once: a small part of the whole, and few files.
constexpr uint64_t kMaxSegmentBytes = 8u << 20;
constexpr uint64_t kMinSegmentBytes = 64u << 10;
constexpr uint64_t kSegmentsAtLeast = 8;
// Two parts each, and IOV_MAX is 1,024.
constexpr size_t kMaxRecordsInWrite = 500;
constexpr uint64_t kRetryNs = 1'000'000'000;  // after a write that failed
constexpr uint64_t kIdleNs = 10'000'000'000;  // an empty segment that is not written to any more is removed

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

uint64_t clock_unix_ns() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t record_bytes(const PackedBody& body) {
  return sizeof(RecordHeader) + body.bytes.size();
}

// What a message takes while it waits in memory.
uint64_t memory_bytes(const PackedBody& body) {
  return sizeof(LedgerEntry) + body.bytes.size();
}

}  // namespace

struct Backlog::State {
  State(Options chosen, ExporterMetrics& counters, Folder opened, Found found)
      : options(std::move(chosen)),
        metrics(counters),
        folder(kj::mv(opened)),
        ledger(std::move(found.ledger)),
        progress_sequence(found.progress_sequence),
        next_segment(found.next_segment) {}

  const Options options;
  ExporterMetrics& metrics;
  Folder folder;
  Ledger ledger;
  uint64_t progress_sequence;
  uint64_t next_segment;
  uint64_t free_number = 1;
  uint64_t monotonic_ns = 0, unix_ns = 0;
  uint64_t shown_messages = 0, shown_bytes = 0;  // what the gauges count of this backlog

  // ---- reading
  struct Reading {
    uint64_t segment = 0;
    kj::AutoCloseFd file;
  };
  Reading reading;  // the segment that was read last

  // ---- writing
  struct Active {  // the segment that is appended to
    uint64_t number = 0;
    kj::AutoCloseFd file;
    uint64_t end = 0;      // where the next record goes: what is before it is on disk
    SegmentHeader header;  // goes out with the first record
    uint64_t last_used_ns = 0;
  };
  struct Written {
    uint64_t number = 0;
    uint64_t offset = 0;
    RecordHeader header;
    std::shared_ptr<const PackedBody> body;
  };
  std::optional<Active> active;
  std::deque<uint64_t> unwritten;  // numbers of messages, in the order of their coming
  uint64_t unwritten_bytes = 0;    // that they take, those under way included
  std::vector<Written> under_way;  // records of one write
  std::vector<iovec> parts;
  bool writing = false;
  uint64_t retry_at_ns = 0;
  bool failing = false;  // has been logged

  // ---- progress
  kj::AutoCloseFd progress_file;
  std::string progress_bytes;
  iovec progress_part = {};
  std::vector<uint64_t> removable;  // segments that the progress under way says are finished
  bool progress_dirty = false, progress_writing = false;
  uint64_t progress_retry_at_ns = 0;

  std::unique_ptr<DiskWriter> writer;  // last: ends first, and waits for what uses the buffers above

  uint64_t segment_bytes() const {
    return std::clamp(options.max_bytes / kSegmentsAtLeast, kMinSegmentBytes, kMaxSegmentBytes);
  }
  // An exporter may have several backlogs, and counts them together.
  void update_gauges() {
    metrics.backlog_messages += ledger.entries.size() - shown_messages;
    metrics.backlog_bytes += ledger.bytes() - shown_bytes;
    shown_messages = ledger.entries.size();
    shown_bytes = ledger.bytes();
  }

  // ---- dropping ----------------------------------------------------------------------------------------------------

  void count_dropped(uint64_t samples) {
    ++metrics.backlog_dropped;
    metrics.samples_backlog_dropped += samples;
    metrics.samples_waiting -= samples;
  }

  // Of a taken one somebody else holds the message: he learns it when he gives it back.
  void drop(std::map<uint64_t, LedgerEntry>::iterator entry) {
    if (!entry->second.taken) count_dropped(entry->second.header.samples);
    forget_entry(entry);
  }

  void forget_entry(std::map<uint64_t, LedgerEntry>::iterator entry) {
    if (entry->second.unwritten) unwritten_bytes -= memory_bytes(*entry->second.unwritten);
    if (entry->second.place.serial != 0 || !entry->second.older.empty()) progress_dirty = true;
    ledger.erase(entry);
  }

  // The oldest segment and all messages whose record is in it. False: it is being written to just now.
  bool drop_oldest_segment(const char* why) {
    const uint64_t number = ledger.segments.begin()->first;
    if (active && active->number == number) {
      if (writing) return false;
      active.reset();
    }
    const uint64_t dropped_before = metrics.backlog_dropped;
    for (auto entry = ledger.entries.begin(); entry != ledger.entries.end();) {
      const auto here = entry++;
      if (here->second.place.serial != 0 && here->second.place.segment == number) drop(here);
    }
    remove_segment(number);
    if (metrics.backlog_dropped > dropped_before)
      log::warn("backlog {}: {} messages dropped, the oldest ones: {}", folder.path(),
                metrics.backlog_dropped - dropped_before, why);
    return true;
  }

  void remove_segment(uint64_t number) {
    remove_file(number);
    if (reading.segment == number) reading = {};
    ledger.segments.erase(number);
    ledger.tidy_finished();
  }

  void enforce_age() {
    while (!ledger.segments.empty()) {
      const Segment& oldest = ledger.segments.begin()->second;
      const bool old = unix_ns > oldest.newest_unix_ns && unix_ns - oldest.newest_unix_ns > options.max_age_ns;
      if (oldest.live == 0 || !old) return;
      if (!drop_oldest_segment("older than the backlog may keep them")) return;
    }
  }

  // What waits for a disk that cannot be written: the oldest goes first, as on disk.
  void enforce_unwritten() {
    for (size_t i = 0; unwritten_bytes > options.max_unwritten_bytes && i < unwritten.size(); ++i) {
      const auto entry = ledger.entries.find(unwritten[i]);
      const bool waits = entry != ledger.entries.end() && entry->second.unwritten && !entry->second.taken;
      if (waits) drop(entry);
    }
  }

  // ---- writing -----------------------------------------------------------------------------------------------------

  void failed_to_write(const std::string& why) {
    ++metrics.backlog_write_errors;
    retry_at_ns = monotonic_ns + kRetryNs;
    if (!failing)
      log::warn("backlog {}: cannot write: {}; what is not on disk yet waits in memory, up to {} bytes", folder.path(),
                why, options.max_unwritten_bytes);
    failing = true;
  }

  // A new file; false: there is none to be had now.
  bool begin_segment() {
    const uint64_t number = next_segment++;
    auto file = folder.create_segment(number);
    if (!file) {
      failed_to_write(file.error().message);
      return false;
    }
    const auto used = writer->use(DiskWriter::File::segment, file->get());
    if (!used) {
      failed_to_write(used.error().message);
      remove_file(number);
      return false;
    }
    const uint64_t seed = random_seed();
    active = Active{.number = number,
                    .file = kj::mv(*file),
                    .header = make_segment_header(number, unix_ns, seed),
                    .last_used_ns = monotonic_ns};
    ledger.segments[number] = {.seed = seed, .first_serial = ledger.next_serial, .newest_unix_ns = unix_ns};
    return true;
  }

  void remove_file(uint64_t number) {
    if (const auto removed = folder.remove_segment(number); !removed)
      log::warn("backlog {}: {}", folder.path(), removed.error().message);
  }

  // Nothing will be appended to it any more.
  void leave_segment() {
    const uint64_t number = active->number;
    active.reset();
    const Segment& segment = ledger.segments.at(number);
    if (segment.live == 0) progress_dirty = true;
    if (segment.bytes == 0) remove_segment(number);
  }

  void start_write() {
    if (writing || monotonic_ns < retry_at_ns) return;
    while (!unwritten.empty() && !needs_writing(unwritten.front())) unwritten.pop_front();
    if (unwritten.empty()) return;
    const uint64_t first = record_bytes(*ledger.entries.at(unwritten.front()).unwritten);
    if (active && active->end > 0 && active->end + first > segment_bytes()) leave_segment();
    while (!ledger.segments.empty() && ledger.bytes() + sizeof(SegmentHeader) + first > options.max_bytes)
      drop_oldest_segment("the backlog is full");
    if (!active && !begin_segment()) return;
    gather();
    send();
  }

  bool needs_writing(uint64_t number) const {
    const auto entry = ledger.entries.find(number);
    return entry != ledger.entries.end() && entry->second.unwritten && !entry->second.under_way;
  }

  // As many records as the segment and the bound of all bytes have room for; one at least.
  void gather() {
    const bool new_segment = active->end == 0;
    uint64_t end = new_segment ? sizeof(SegmentHeader) : active->end;
    const uint64_t before = ledger.bytes() - active->end;
    while (!unwritten.empty() && under_way.size() < kMaxRecordsInWrite) {
      if (!needs_writing(unwritten.front())) {
        unwritten.pop_front();
        continue;
      }
      LedgerEntry& entry = ledger.entries.at(unwritten.front());
      const uint64_t after = end + record_bytes(*entry.unwritten);
      if (!under_way.empty() && (after > segment_bytes() || before + after > options.max_bytes)) break;
      RecordHeader& header = entry.header;
      header.serial = ledger.next_serial++;
      const auto stored = std::as_bytes(std::span(entry.unwritten->bytes)).first(entry.unwritten->stored_bytes);
      seal(header, stored, active->header.seed, end);
      under_way.push_back({.number = header.number, .offset = end, .header = header, .body = entry.unwritten});
      entry.under_way = true;
      unwritten.pop_front();
      end = after;
    }
  }

  void send() {
    const bool new_segment = active->end == 0;
    parts.clear();
    if (new_segment) parts.push_back({&active->header, sizeof active->header});
    for (Written& record : under_way) {
      parts.push_back({&record.header, sizeof record.header});
      if (!record.body->bytes.empty())
        parts.push_back({const_cast<char*>(record.body->bytes.data()), record.body->bytes.size()});
    }
    writing = true;
    writer->write(DiskWriter::File::segment, active->end, parts, new_segment);
  }

  void write_finished(int error) {
    writing = false;
    if (error == 0) {
      if (failing) log::info("backlog {}: can be written again", folder.path());
      failing = false;
      Segment& segment = ledger.segments.at(active->number);
      active->end = under_way.back().offset + record_bytes(*under_way.back().body);
      active->last_used_ns = monotonic_ns;
      segment.bytes = active->end;
      segment.newest_unix_ns = unix_ns;
      for (const Written& record : under_way) come_to_be_on_disk(record, segment);
      metrics.backlog_written += under_way.size();
    } else {
      // In front again, in their order. What may have come to be on the disk in spite of it counts as finished.
      for (auto record = under_way.rbegin(); record != under_way.rend(); ++record) {
        const auto entry = ledger.entries.find(record->number);
        if (entry != ledger.entries.end() && entry->second.unwritten == record->body) {
          entry->second.under_way = false;
          unwritten.push_front(record->number);
        }
        ledger.finished.add(record->header.serial, record->header.serial + 1);
      }
      failed_to_write(std::strerror(error));
      const bool full = error == ENOSPC || error == EDQUOT;
      if (active->end > 0 && ftruncate(active->file.get(), static_cast<off_t>(active->end)) != 0)
        log::warn("backlog {}: ftruncate: {}", folder.path(), std::strerror(errno));
      // A disk that is full will have room again; of one that is broken another place may work.
      if (!full || active->end == 0) leave_segment();
    }
    under_way.clear();
  }

  void come_to_be_on_disk(const Written& record, Segment& segment) {
    const Place place{record.header.serial, active->number};
    ++segment.live;
    const auto entry = ledger.entries.find(record.number);
    if (entry == ledger.entries.end()) {  // forgotten meanwhile
      ledger.finish(place);
      progress_dirty = true;
      return;
    }
    if (entry->second.unwritten != record.body) {  // replaced meanwhile
      entry->second.older.push_back(place);
      return;
    }
    LedgerEntry& written = entry->second;
    unwritten_bytes -= memory_bytes(*written.unwritten);
    written.unwritten = nullptr;
    written.under_way = false;
    written.place = place;
    written.offset = record.offset;
    written.header = record.header;
    if (!written.older.empty()) progress_dirty = true;
    for (const Place& older : std::exchange(written.older, {})) ledger.finish(older);
  }

  // ---- progress ----------------------------------------------------------------------------------------------------

  void start_progress() {
    if (!progress_dirty || progress_writing || monotonic_ns < progress_retry_at_ns) return;
    progress_dirty = false;
    removable.clear();
    for (const auto& [number, segment] : ledger.segments)
      if (segment.live == 0 && !(active && active->number == number)) removable.push_back(number);
    progress_bytes = encode_progress({.sequence = ++progress_sequence, .finished = ledger.finished.ranges()});
    progress_part = {progress_bytes.data(), progress_bytes.size()};
    progress_writing = true;
    writer->write(DiskWriter::File::progress, progress_sequence % 2 * kProgressSlotBytes, {&progress_part, 1}, false);
  }

  void progress_finished(int error) {
    progress_writing = false;
    if (error != 0) {
      ++metrics.backlog_write_errors;
      progress_dirty = true;
      progress_retry_at_ns = monotonic_ns + kRetryNs;
      return;
    }
    for (const uint64_t number : removable)
      if (ledger.segments.contains(number)) remove_segment(number);
  }

  // ---- everything again and again
  // ------------------------------------------------------------------------------------

  void go_on() {
    while (const auto done = writer->poll())
      if (done->file == DiskWriter::File::segment)
        write_finished(done->error);
      else
        progress_finished(done->error);
    start_write();
    start_progress();
    update_gauges();
  }

  // ---- taking
  // --------------------------------------------------------------------------------------------------------

  std::map<uint64_t, LedgerEntry>::const_iterator waiting() const {
    return std::ranges::find_if(ledger.entries, [](const auto& entry) { return !entry.second.taken; });
  }

  Result<Message> read(const LedgerEntry& entry) {
    if (entry.unwritten) {
      Message message{.kind = entry.header.kind, .items = entry.header.items, .samples = entry.header.samples};
      const auto stored = std::as_bytes(std::span(entry.unwritten->bytes)).first(entry.unwritten->stored_bytes);
      message.body = TRY(unpack_body(entry.header, stored));
      return message;
    }
    const uint64_t number = entry.place.segment;
    if (reading.segment != number) {
      reading.file = TRY(folder.open_segment(number));
      reading.segment = number;
    }
    auto stored = TRY(read_message(reading.file.get(), ledger.segments.at(number).seed, entry.offset));
    if (stored.header.serial != entry.place.serial)
      return fail(Errc::malformed, "another record than was there before");
    return std::move(stored.message);
  }
};

Result<std::unique_ptr<Backlog>> Backlog::open(Options options, ExporterMetrics& metrics, uint64_t unix_ns) {
  const bool ring_wanted = options.io_uring;
  return open_with(std::move(options), metrics, unix_ns, [ring_wanted](int folder) {
    if (ring_wanted) {
      auto ring = make_ring_writer(folder);
      if (ring) return std::move(*ring);
      log::info("backlog: io_uring cannot be used ({}): a thread writes instead", ring.error().message);
    }
    return make_thread_writer(folder);
  });
}

Result<std::unique_ptr<Backlog>> Backlog::open_with(Options options, ExporterMetrics& metrics, uint64_t unix_ns,
                                                    const MakeWriter& make_writer) {
  auto folder = TRY(Folder::open(options.folder));
  auto found = TRY(read_folder(folder, metrics));
  auto progress = TRY(folder.open_progress(true));
  auto state = std::make_unique<State>(std::move(options), metrics, kj::mv(folder), std::move(found));
  state->progress_file = kj::mv(progress);
  state->writer = make_writer(state->folder.fd());
  // So that there is room for it on a disk that is full; where this cannot be had it does without.
  (void)posix_fallocate(state->progress_file.get(), 0, static_cast<off_t>(2 * kProgressSlotBytes));
  TRY(state->writer->use(DiskWriter::File::progress, state->progress_file.get()));
  state->unix_ns = unix_ns != 0 ? unix_ns : clock_unix_ns();
  for (const auto& [number, entry] : state->ledger.entries) {
    metrics.samples_left_before += entry.header.samples;
    metrics.samples_waiting += entry.header.samples;
    state->free_number = number + 1;
  }
  if (const size_t left = state->ledger.entries.size(); left > 0)
    log::info("backlog {}: {} messages of an earlier process are still to be sent", state->folder.path(), left);
  state->enforce_age();
  while (!state->ledger.segments.empty() && state->ledger.bytes() > state->options.max_bytes)
    state->drop_oldest_segment("the backlog is full");
  state->go_on();
  return std::unique_ptr<Backlog>(new Backlog(std::move(state)));
}

Backlog::Backlog(std::unique_ptr<State> state) : state_(std::move(state)) {}
Backlog::~Backlog() = default;

uint64_t Backlog::first_free_number() const {
  return state_->free_number;
}

void Backlog::append(uint64_t number, const Message& message, bool taken) {
  State& state = *state_;
  CHECK(number != 0 && number <= kMaxNumber);
  const auto known = state.ledger.entries.find(number);
  std::vector<Place> older;
  if (known != state.ledger.entries.end()) {
    older = std::move(known->second.older);
    known->second.older.clear();
    if (known->second.place.serial != 0) older.push_back(std::exchange(known->second.place, {}));
    state.forget_entry(known);
  }
  const bool fits = message.body.size() <= kMaxBodyBytes;
  auto body = std::make_shared<const PackedBody>(fits ? pack_body(message.body) : PackedBody{});
  if (!fits || sizeof(SegmentHeader) + record_bytes(*body) > state.options.max_bytes) {
    log::warn("backlog {}: a message of {} bytes is too large for it", state.folder.path(), message.body.size());
    for (const Place& place : older) state.ledger.finish(place);
    if (!taken) state.count_dropped(message.samples);
    return;
  }
  LedgerEntry entry{.older = std::move(older), .taken = taken};
  entry.header.kind = message.kind;
  entry.header.compression = body->compression;
  entry.header.number = number;
  entry.header.written_unix_ns = state.unix_ns;
  entry.header.items = message.items;
  entry.header.samples = message.samples;
  entry.header.stored_bytes = body->stored_bytes;
  entry.header.body_bytes = static_cast<uint32_t>(message.body.size());
  state.unwritten_bytes += memory_bytes(*body);
  entry.unwritten = std::move(body);
  state.ledger.entries.emplace(number, std::move(entry));
  state.unwritten.push_back(number);
  while (state.ledger.entries.size() > kMaxMessages && !state.ledger.segments.empty())
    if (!state.drop_oldest_segment("too many messages")) break;
  state.enforce_unwritten();
  state.go_on();
}

bool Backlog::on_disk(uint64_t number) const {
  const auto entry = state_->ledger.entries.find(number);
  return entry != state_->ledger.entries.end() && entry->second.unwritten == nullptr;
}

std::optional<uint64_t> Backlog::oldest_waiting() const {
  const auto entry = state_->waiting();
  if (entry == state_->ledger.entries.end()) return std::nullopt;
  return entry->first;
}

std::optional<Backlog::Entry> Backlog::take() {
  State& state = *state_;
  while (const auto number = oldest_waiting()) {
    const auto found = state.ledger.entries.find(*number);
    auto message = state.read(found->second);
    if (message) {
      found->second.taken = true;
      return Entry{*number, std::move(*message)};
    }
    log::warn("backlog {}: message {} with {} samples cannot be read again: {}", state.folder.path(), *number,
              found->second.header.samples, message.error().message);
    ++state.metrics.backlog_damaged;
    state.metrics.samples_backlog_damaged += found->second.header.samples;
    state.metrics.samples_waiting -= found->second.header.samples;
    state.forget_entry(found);
  }
  return std::nullopt;
}

bool Backlog::give_back(uint64_t number, uint32_t samples) {
  const auto entry = state_->ledger.entries.find(number);
  if (entry == state_->ledger.entries.end()) {
    state_->count_dropped(samples);
    return false;
  }
  entry->second.taken = false;
  return true;
}

void Backlog::forget(uint64_t number) {
  const auto entry = state_->ledger.entries.find(number);
  if (entry == state_->ledger.entries.end()) return;
  state_->forget_entry(entry);
  state_->go_on();
}

bool Backlog::settled() const {
  state_->go_on();
  const State& state = *state_;
  return !state.writing && !state.progress_writing && !state.progress_dirty && state.unwritten_bytes == 0;
}

bool Backlog::empty() const {
  return state_->ledger.entries.empty();
}

void Backlog::tick(uint64_t monotonic_ns, uint64_t unix_ns) {
  State& state = *state_;
  state.monotonic_ns = monotonic_ns;
  state.unix_ns = unix_ns;
  state.enforce_age();
  const bool idle = state.active && !state.writing && monotonic_ns - state.active->last_used_ns >= kIdleNs;
  if (idle && state.ledger.segments.at(state.active->number).live == 0) {
    state.leave_segment();
    state.progress_dirty = true;
  }
  state.go_on();
}

}  // namespace splitprof
