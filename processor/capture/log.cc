// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/log.h"

#include <xxhash.h>

#include <algorithm>

namespace splitprof {
namespace {

// Names are read when a recording ends. So that a capture that has become too large still has those of its samples,
// records leave this share of the space, and of the items, to everything else.
constexpr uint64_t kRecordsLeave = 8;  // one of so many parts

}  // namespace

CaptureLog::CaptureLog(int fd, const SessionEntry& session, Limits limits) : limits_(limits), writer_(fd) {
  append(session);
}

void CaptureLog::add(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (has_room(std::holds_alternative<RecordEntry>(entry))) append(entry);
}

void CaptureLog::add_text(Ticket ticket, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!has_room(false)) return;
  if (auto contents = add_contents(0, std::as_bytes(std::span(text))))
    append(AnswerEntry{ticket, CapturedText{std::move(*contents)}});
}

void CaptureLog::add_read(CapturedFile file, uint64_t offset, uint64_t length,
                          const Result<std::span<const std::byte>>& outcome) {
  const std::lock_guard lock(mutex_);
  if (!has_room(false)) return;
  if (!outcome) return append(ReadEntry{file, offset, length, outcome.error()});
  if (auto contents = add_contents(offset, *outcome)) append(ReadEntry{file, offset, length, std::move(*contents)});
}

// Cut at multiples of kContentBytes in the file, so that reads that overlap share what lies between.
std::optional<std::vector<ContentId>> CaptureLog::add_contents(uint64_t offset, std::span<const std::byte> bytes) {
  std::vector<ContentId> ids;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min<size_t>(bytes.size(), kContentBytes - offset % kContentBytes));
    const auto hash = XXH3_128bits(part.data(), part.size());
    const auto [entry, is_new] =
        contents_.try_emplace({hash.low64, hash.high64}, static_cast<ContentId>(contents_.size()));
    if (is_new) {
      if (!has_room(false)) {
        contents_.erase(entry);
        return std::nullopt;
      }
      append(ContentEntry{part});
    }
    ids.push_back(entry->second);
    bytes = bytes.subspan(part.size());
    offset += part.size();
  }
  return ids;
}

bool CaptureLog::has_room(bool is_record) {
  if (finished_) return false;
  const uint64_t part = is_record ? kRecordsLeave - 1 : kRecordsLeave;
  const uint64_t most_bytes = limits_.max_bytes / kRecordsLeave * part;
  // Nearly full: how well the last frames are compressed decides. Past the bound goes at most the frame at hand.
  if (writer_.bytes_at_most() >= most_bytes && writer_.bytes_written() < most_bytes) writer_.wait_until_written();
  // Once it is full it stays so: a hole would be worse than an end.
  const bool room = !writer_.failed() && (is_record ? left_out_.records_left_out : left_out_.entries_left_out) == 0 &&
                    writer_.bytes_written() < most_bytes && items_ < kMaxCaptureItems / kRecordsLeave * part &&
                    frames_ < kMaxCaptureFrames / kRecordsLeave * part;
  if (!room) ++(is_record ? left_out_.records_left_out : left_out_.entries_left_out);
  return room;
}

void CaptureLog::append(const Entry& entry) {
  const size_t before = content_.size();
  append_entry(content_, entry);
  if (content_.size() - before > kMaxEntryBytes) {  // every answer and record has a bound far below
    content_.resize(before);
    ++left_out_.entries_left_out;
    return;
  }
  ++items_;
  if (content_.size() < kFrameBytes) return;
  ++frames_;
  writer_.write(std::exchange(content_, {}));
  content_.reserve(kFrameBytes + kMaxEntryBytes / 8);
}

Result<> CaptureLog::finish() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(finished_, true)) {
    append_entry(content_, left_out_);
    writer_.write(std::move(content_));
  }
  return writer_.finish();
}

bool CaptureLog::full() const {
  const std::lock_guard lock(mutex_);
  return left_out_.records_left_out + left_out_.entries_left_out != 0;
}

uint64_t CaptureLog::records_left_out() const {
  const std::lock_guard lock(mutex_);
  return left_out_.records_left_out;
}

}  // namespace splitprof
