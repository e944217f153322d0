// SPDX-License-Identifier: Apache-2.0
//
// FrameWriter: content in, compressed frames on a descriptor, on a thread of its own. Handing over waits while too much
// is on its way: a capture with a hole would be worth nothing. Used by one thread at a time; knows nothing of entries.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "shared/result.h"

namespace splitprof {

class FrameWriter {
 public:
  // Does not take the descriptor over.
  explicit FrameWriter(int fd);
  // Waits for what was handed over.
  ~FrameWriter();
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  // At most kMaxFrameBytes.
  void write(std::string content);
  // Writes what was handed over and ends the thread. An error: something of it could not be written.
  Result<> finish();
  // What the file has, and may get at most from what was handed over and is still to come.
  uint64_t bytes_written() const { return bytes_written_; }
  uint64_t bytes_at_most() const { return bytes_written_ + bytes_to_come_; }
  void wait_until_written();
  bool failed() const { return failed_; }

 private:
  void serve();
  Result<> put(const std::string& content);

  const int fd_;
  std::mutex mutex_;  // guards what follows, as far as it is not atomic
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  bool ending_ = false;
  std::optional<Error> error_;
  std::atomic<bool> failed_ = false;
  std::atomic<uint64_t> bytes_written_ = 0;
  std::atomic<uint64_t> bytes_to_come_ = 0;
  uint32_t frames_ = 0;  // the thread's own
  std::string stored_;   // likewise
  std::thread thread_;
};

}  // namespace splitprof
