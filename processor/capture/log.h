// SPDX-License-Identifier: Apache-2.0
//
// CaptureLog: what is worth keeping of a session, into a capture. Equal contents are stored once. Thread-safe, because
// workers log what they read while the main thread logs events; the order of calls is the order of entries. It blocks
// while the disk cannot follow. Past its bound it leaves things out, records first, and says so at the end.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>

#include "processor/capture/entry.h"
#include "processor/capture/frame_writer.h"

namespace splitprof {

class CaptureLog {
 public:
  struct Limits {
    uint64_t max_bytes = 1u << 30;  // of the file
  };

  CaptureLog(int fd, const SessionEntry& session, Limits limits);
  CaptureLog(const CaptureLog&) = delete;
  CaptureLog& operator=(const CaptureLog&) = delete;

  void add(const Entry& entry);
  void add_text(Ticket ticket, std::string_view text);  // an answer
  void add_read(CapturedFile file, uint64_t offset, uint64_t length, const Result<std::span<const std::byte>>& outcome);

  // Writes the end. Whatever is added later is ignored.
  Result<> finish();
  // True from the moment when something was left out.
  bool full() const;
  uint64_t records_left_out() const;

 private:
  struct Hash {
    uint64_t low, high;
    friend bool operator==(const Hash&, const Hash&) = default;
  };
  struct HashOfHash {
    size_t operator()(const Hash& hash) const { return hash.low; }
  };

  // All to be called with the mutex held.
  bool has_room(bool is_record);
  void append(const Entry& entry);
  std::optional<std::vector<ContentId>> add_contents(uint64_t offset, std::span<const std::byte> bytes);

  const Limits limits_;
  FrameWriter writer_;
  mutable std::mutex mutex_;  // guards what follows
  std::string content_;       // of the frame that is being filled
  std::unordered_map<Hash, ContentId, HashOfHash> contents_;
  uint64_t items_ = 0;
  uint64_t frames_ = 0;
  EndEntry left_out_;
  bool finished_ = false;
};

}  // namespace splitprof
