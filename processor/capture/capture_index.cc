// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/capture_index.h"

#include <xxhash.h>

#include <algorithm>
#include <tuple>

#include "shared/ring.h"

namespace splitprof {
namespace {

// Takes one entry after another in; an error is what is wrong with the capture from here on.
class Indexer {
 public:
  explicit Indexer(CaptureIndex& index) : index_(index) {}

  Result<> add(const Entry& entry, Place place) {
    if (index_.ending) return fail(Errc::malformed, "something follows the end mark");
    place_ = place;
    return std::visit([this](const auto& specific) { return take(specific); }, entry);
  }

 private:
  Result<> take(const SessionEntry&) { return fail(Errc::malformed, "a second beginning"); }
  Result<> take(const ContentEntry& content) {
    TRY(count(index_.contents.size(), "contents"));
    index_.contents.push_back({place_, static_cast<uint32_t>(content.bytes.size())});
    return Ok{};
  }
  Result<> take(const RecordEntry& record) {
    if (record.message.size() > kMaxRecordBytes)
      return fail(Errc::too_large, "record of {} bytes", record.message.size());
    return Ok{};
  }
  Result<> take(const TickEntry& tick) {
    // Half of the range of the clock: sums of times and waits cannot overflow.
    if (tick.now_ns < last_tick_ns_ || tick.now_ns > INT64_MAX) return fail(Errc::malformed, "time runs backwards");
    last_tick_ns_ = tick.now_ns;
    return Ok{};
  }
  Result<> take(const StopEntry&) { return Ok{}; }
  Result<> take(const DisconnectedEntry&) { return Ok{}; }
  Result<> take(const AskedEntry& asked) {
    TRY(count(index_.questions.size(), "questions"));
    if (!open_.emplace(asked.ticket, index_.questions.size()).second)
      return fail(Errc::malformed, "ticket {} was given twice", asked.ticket);
    index_.questions.push_back({.ticket = asked.ticket, .identity = identity_of_question(asked.name, asked.key)});
    return Ok{};
  }
  Result<> take(const AnswerEntry& answer) {
    const auto asked = open_.find(answer.ticket);
    if (asked == open_.end()) return fail(Errc::malformed, "an answer to no question, ticket {}", answer.ticket);
    if (const auto* text = std::get_if<CapturedText>(&answer.value)) {
      if (TRY(size_of(text->contents)) > kMaxTextBytes)
        return fail(Errc::too_large, "a text past {} bytes", kMaxTextBytes);
    } else if (const auto* file = std::get_if<CapturedFileValue>(&answer.value)) {
      if (file->file != index_.files.size()) return fail(Errc::malformed, "file {} out of its order", file->file);
      TRY(count(index_.files.size(), "files"));
      index_.files.push_back({.identity = file->identity});
    }
    index_.questions[asked->second].answered = place_;
    open_.erase(asked);
    return Ok{};
  }
  Result<> take(const ReadEntry& read) {
    TRY(count(index_.reads.size(), "reads"));
    if (read.file >= index_.files.size())
      return fail(Errc::malformed, "a read of file {}, which was not opened", read.file);
    if (read.length > INT64_MAX) return fail(Errc::malformed, "a read of {} bytes", read.length);
    uint64_t size = CaptureIndex::kFailed;
    if (const auto* contents = std::get_if<std::vector<ContentId>>(&read.outcome)) {
      size = TRY(size_of(*contents));
      if (size > read.length) return fail(Errc::malformed, "a read of {} bytes that got {}", read.length, size);
    }
    index_.reads.push_back(
        {.offset = read.offset, .length = read.length, .size = size, .file = read.file, .place = place_});
    return Ok{};
  }
  Result<> take(const JobStartedEntry& started) {
    if (started.job != index_.jobs.size()) return fail(Errc::malformed, "job {} out of its order", started.job);
    TRY(count(index_.jobs.size(), "jobs"));
    index_.jobs.push_back(CaptureIndex::kNever);
    return Ok{};
  }
  Result<> take(const JobFinishedEntry& finished) {
    if (finished.job >= index_.jobs.size() || index_.jobs[finished.job] != CaptureIndex::kNever)
      return fail(Errc::malformed, "job {} finished, and was not under way", finished.job);
    index_.jobs[finished.job] = place_;
    return Ok{};
  }
  Result<> take(const EndEntry& end) {
    index_.ending = end;
    return Ok{};
  }
  Result<> take(const UnknownEntry&) {
    ++index_.unknown_entries;
    return Ok{};
  }

  static Result<> count(size_t have, const char* what) {
    if (have >= kMaxCaptureItems) return fail(Errc::too_large, "more than {} {}", kMaxCaptureItems, what);
    return Ok{};
  }
  Result<uint64_t> size_of(const std::vector<ContentId>& ids) const {
    uint64_t size = 0;
    for (const ContentId id : ids) {
      if (id >= index_.contents.size()) return fail(Errc::malformed, "content {} does not stand before its use", id);
      size += index_.contents[id].size;
    }
    return size;
  }

  CaptureIndex& index_;
  Place place_;
  uint64_t last_tick_ns_ = 0;
  std::unordered_map<Ticket, size_t> open_;  // places in questions
};

void sort_reads(CaptureIndex& index) {
  const auto key = [](const CaptureIndex::Read& read) {
    return std::tuple(read.file, read.offset, read.length, read.place);
  };
  std::sort(index.reads.begin(), index.reads.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  for (uint32_t i = 0; i < index.reads.size(); ++i) {
    auto& file = index.files[index.reads[i].file];
    if (file.end_read == 0) file.first_read = i;
    file.end_read = i + 1;
  }
}

}  // namespace

uint64_t identity_of_question(std::string_view name, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), XXH3_64bits(name.data(), name.size()));
}

Result<CaptureIndex> index_capture(CaptureFile& file) {
  CaptureIndex index;
  EntryCursor cursor(file);
  auto first = cursor.next();
  auto* session = first && *first ? std::get_if<SessionEntry>(&**first) : nullptr;
  if (session == nullptr)
    return fail(Errc::malformed, "nothing of this capture is usable: {}",
                !first ? first.error().message : "it does not begin with a session");
  index.session = std::move(*session);
  Indexer indexer(index);
  for (;;) {
    index.end = cursor.next_place();
    auto entry = cursor.next();
    if (entry && !*entry) break;
    auto added = entry ? indexer.add(**entry, cursor.place()) : Result<>(entry.error());
    if (added) continue;
    index.damage = std::move(added.error());
    if (entry) index.end = cursor.place();
    break;
  }
  if (!index.ending && !index.damage)
    index.damage = Error{Errc::truncated, "it has no end mark: whoever recorded it was killed, or the file was cut"};
  if (index.damage)
    index.damage->message = fmt::format("damaged at byte {} (frame {}): {}", file.offset_of(index.end.frame),
                                        index.end.frame, index.damage->message);
  sort_reads(index);
  return index;
}

}  // namespace splitprof
