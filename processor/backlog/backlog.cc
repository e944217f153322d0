// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/backlog.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "processor/backlog/appender.h"
#include "processor/backlog/opening.h"
#include "processor/backlog/progress_file.h"
#include "processor/backlog/segment_reader.h"
#include "shared/check.h"

namespace splitprof {

using namespace backlog;

namespace {

constexpr uint64_t kIdleNs = 10'000'000'000;  // an empty segment that is not written to any more is removed

uint64_t clock_unix_ns() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

struct Backlog::State {
  State(Options options, ExporterMetrics& metrics, Folder folder, Found found)
      : store{.options = std::move(options),
              .metrics = metrics,
              .folder = kj::mv(folder),
              .ledger = std::move(found.ledger),
              .next_segment = found.next_segment},
        appender(store),
        progress(store, found.progress_sequence) {}
  ~State() { store.writer.reset(); }  // first: it waits for what uses the buffers of the others

  Store store;
  Appender appender;
  ProgressFile progress;
  uint64_t free_number = 1;
  uint64_t shown_messages = 0, shown_bytes = 0;  // what the gauges count of this backlog

  struct Reading {
    uint64_t segment = 0;
    kj::AutoCloseFd file;
  };
  Reading reading;  // the segment that was read last

  // An exporter may have several backlogs, and counts them together.
  void update_gauges() {
    const uint64_t messages = store.ledger.entries.size(), bytes = store.ledger.bytes();
    store.metrics.backlog_messages += messages - shown_messages;
    store.metrics.backlog_bytes += bytes - shown_bytes;
    shown_messages = messages;
    shown_bytes = bytes;
  }

  void go_on() {
    while (const auto done = store.writer->poll())
      if (done->file == DiskWriter::File::segment)
        appender.finished(done->error);
      else
        progress.finished(done->error);
    if (const auto bytes = appender.due()) {
      make_room(*bytes);
      appender.start();
    }
    progress.start([this](uint64_t segment) { return appender.appends_to(segment); });
    // A file that is open keeps its place on the disk.
    if (!store.ledger.segments.contains(reading.segment)) reading = {};
    update_gauges();
  }

  void leave_if_empty() {
    for (const auto& [number, segment] : store.ledger.segments)
      if (appender.appends_to(number) && segment.live == 0) return appender.leave();
  }

  // ---- bounds ------------------------------------------------------------------------------------------------------

  void count_dropped(uint64_t samples) {
    ++store.metrics.backlog_dropped;
    store.metrics.samples_backlog_dropped += samples;
    store.metrics.samples_waiting -= samples;
  }

  // Of a taken one somebody else holds the message: he learns it when he gives it back.
  void drop(std::map<uint64_t, LedgerEntry>::iterator entry) {
    if (!entry->second.taken) count_dropped(entry->second.header.samples);
    forget_entry(entry);
  }

  void forget_entry(std::map<uint64_t, LedgerEntry>::iterator entry) {
    if (entry->second.unwritten) store.ledger.unwritten_bytes -= memory_bytes(*entry->second.unwritten);
    if (entry->second.place.serial != 0 || !entry->second.older.empty()) store.progress_dirty = true;
    store.ledger.erase(entry);
  }

  // The oldest segment and all messages whose record is in it. False: it is being written to just now.
  bool drop_oldest_segment(const char* why) {
    const uint64_t number = store.ledger.segments.begin()->first;
    if (appender.appends_to(number)) {
      if (appender.writing()) return false;
      appender.leave();
    }
    const uint64_t dropped_before = store.metrics.backlog_dropped;
    for (auto entry = store.ledger.entries.begin(); entry != store.ledger.entries.end();) {
      const auto here = entry++;
      if (here->second.place.serial != 0 && here->second.place.segment == number) drop(here);
    }
    if (store.ledger.segments.contains(number)) store.remove_segment(number);
    if (store.metrics.backlog_dropped > dropped_before)
      log::warn("backlog {}: {} messages dropped, the oldest ones: {}", store.folder.path(),
                store.metrics.backlog_dropped - dropped_before, why);
    return true;
  }

  void make_room(uint64_t bytes) {
    while (!store.ledger.segments.empty() && store.ledger.bytes() + bytes > store.options.max_bytes)
      drop_oldest_segment("the backlog is full");
  }

  void enforce_age() {
    while (!store.ledger.segments.empty()) {
      const Segment& oldest = store.ledger.segments.begin()->second;
      const bool old =
          store.unix_ns > oldest.newest_unix_ns && store.unix_ns - oldest.newest_unix_ns > store.options.max_age_ns;
      if (oldest.live == 0 || !old) return;
      if (!drop_oldest_segment("older than the backlog may keep them")) return;
    }
  }

  // What waits for a disk that cannot be written: the oldest goes first, as on disk.
  void enforce_unwritten() {
    for (size_t i = 0; store.ledger.unwritten_bytes > store.options.max_unwritten_bytes && i < appender.queue().size();
         ++i) {
      const auto entry = store.ledger.entries.find(appender.queue()[i]);
      const bool waits = entry != store.ledger.entries.end() && entry->second.unwritten && !entry->second.taken;
      if (waits) drop(entry);
    }
  }

  // ---- taking ------------------------------------------------------------------------------------------------------

  std::map<uint64_t, LedgerEntry>::const_iterator waiting() const {
    return std::ranges::find_if(store.ledger.entries, [](const auto& entry) { return !entry.second.taken; });
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
      reading.file = TRY(store.folder.open_segment(number));
      reading.segment = number;
    }
    auto stored = TRY(read_message(reading.file.get(), store.ledger.segments.at(number).seed, entry.offset));
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
  auto state = std::make_unique<State>(std::move(options), metrics, kj::mv(folder), std::move(found));
  Store& store = state->store;
  store.writer = make_writer(store.folder.fd());
  TRY(state->progress.open());
  store.unix_ns = unix_ns != 0 ? unix_ns : clock_unix_ns();
  for (const auto& [number, entry] : store.ledger.entries) {
    metrics.samples_left_before += entry.header.samples;
    metrics.samples_waiting += entry.header.samples;
    state->free_number = number + 1;
  }
  if (const size_t left = store.ledger.entries.size(); left > 0)
    log::info("backlog {}: {} messages of an earlier process are still to be sent", store.folder.path(), left);
  state->enforce_age();
  state->make_room(0);
  state->go_on();
  return std::unique_ptr<Backlog>(new Backlog(std::move(state)));
}

Backlog::Backlog(std::unique_ptr<State> state) : state_(std::move(state)) {}
Backlog::~Backlog() = default;

uint64_t Backlog::first_free_number() const {
  return state_->free_number;
}

void Backlog::append(uint64_t number, const Message& message, bool taken) {
  CHECK(number != 0);
  State& state = *state_;
  Store& store = state.store;
  std::vector<Place> older;
  if (const auto known = store.ledger.entries.find(number); known != store.ledger.entries.end()) {
    older = std::exchange(known->second.older, {});
    if (known->second.place.serial != 0) older.push_back(std::exchange(known->second.place, {}));
    state.forget_entry(known);
  }
  const bool fits = message.body.size() <= kMaxBodyBytes;
  auto body = std::make_shared<const PackedBody>(fits ? pack_body(message.body) : PackedBody{});
  if (!fits || sizeof(SegmentHeader) + record_bytes(*body) > store.options.max_bytes) {
    log::warn("backlog {}: a message of {} bytes is too large for it", store.folder.path(), message.body.size());
    for (const Place& place : older) store.ledger.finish(place);
    store.progress_dirty = true;
    if (!taken) state.count_dropped(message.samples);
    return;
  }
  LedgerEntry entry{.older = std::move(older), .taken = taken};
  entry.header = {.kind = message.kind,
                  .compression = body->compression,
                  .number = number,
                  .written_unix_ns = store.unix_ns,
                  .items = message.items,
                  .samples = message.samples,
                  .stored_bytes = body->stored_bytes,
                  .body_bytes = static_cast<uint32_t>(message.body.size())};
  store.ledger.unwritten_bytes += memory_bytes(*body);
  entry.unwritten = std::move(body);
  store.ledger.entries.emplace(number, std::move(entry));
  state.appender.add(number);
  while (store.ledger.entries.size() > kMaxMessages && !store.ledger.segments.empty())
    if (!state.drop_oldest_segment("too many messages")) break;
  state.enforce_unwritten();
  state.go_on();
}

bool Backlog::on_disk(uint64_t number) const {
  const auto entry = state_->store.ledger.entries.find(number);
  return entry != state_->store.ledger.entries.end() && entry->second.unwritten == nullptr;
}

std::optional<uint64_t> Backlog::oldest_waiting() const {
  const auto entry = state_->waiting();
  if (entry == state_->store.ledger.entries.end()) return std::nullopt;
  return entry->first;
}

std::optional<Backlog::Entry> Backlog::take() {
  State& state = *state_;
  while (const auto number = oldest_waiting()) {
    const auto found = state.store.ledger.entries.find(*number);
    auto message = state.read(found->second);
    if (message) {
      found->second.taken = true;
      return Entry{*number, std::move(*message)};
    }
    log::warn("backlog {}: message {} with {} samples cannot be read again: {}", state.store.folder.path(), *number,
              found->second.header.samples, message.error().message);
    ++state.store.metrics.backlog_damaged;
    state.store.metrics.samples_backlog_damaged += found->second.header.samples;
    state.store.metrics.samples_waiting -= found->second.header.samples;
    state.forget_entry(found);
  }
  return std::nullopt;
}

bool Backlog::give_back(uint64_t number, uint32_t samples) {
  const auto entry = state_->store.ledger.entries.find(number);
  if (entry == state_->store.ledger.entries.end()) {
    state_->count_dropped(samples);
    return false;
  }
  entry->second.taken = false;
  return true;
}

void Backlog::forget(uint64_t number) {
  const auto entry = state_->store.ledger.entries.find(number);
  if (entry == state_->store.ledger.entries.end()) return;
  state_->forget_entry(entry);
  state_->go_on();
}

bool Backlog::settled() const {
  state_->go_on();
  const State& state = *state_;
  return !state.appender.writing() && !state.progress.writing() && !state.store.progress_dirty &&
         state.store.ledger.unwritten_bytes == 0;
}

bool Backlog::empty() const {
  return state_->store.ledger.entries.empty();
}

void Backlog::tick(uint64_t monotonic_ns, uint64_t unix_ns) {
  State& state = *state_;
  state.store.monotonic_ns = monotonic_ns;
  state.store.unix_ns = unix_ns;
  state.enforce_age();
  const auto idle_since_ns = state.appender.idle_since_ns();
  if (idle_since_ns && monotonic_ns - *idle_since_ns >= kIdleNs) state.leave_if_empty();
  state.go_on();
}

}  // namespace splitprof
