// SPDX-License-Identifier: Apache-2.0
//
// Backlog: messages on disk, first in, first out, in append-only segment files with checksums, bounded in bytes and
// age. A message is acknowledged once it was fsynced; what was acknowledged survives a crash, unless a bound drops it,
// which is counted. The folder belongs to one process. Opened before the sandbox is shut; writes go through io_uring
// where that may be used. Export thread. Layout: docs/backlog.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "processor/pipelines/message.h"
#include "processor/telemetry/exporter_metrics.h"
#include "shared/result.h"

namespace splitprof {

class Backlog {
 public:
  struct Options {
    std::string folder;             // is made when it is not there
    uint64_t max_bytes = 1u << 30;  // of all segments
    uint64_t max_age_ns = 24ull * 3600 * 1'000'000'000;
    bool io_uring = true;  // false: plain calls
  };

  // Reads what an earlier process left behind. Damage is skipped, counted and logged, never an error.
  static Result<std::unique_ptr<Backlog>> open(Options options, ExporterMetrics& metrics);
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // Begins to write it; `acknowledged()` reaches the returned number once it is on disk. Numbers ascend by one.
  uint64_t append(const Message& message, uint64_t unix_ns);
  uint64_t acknowledged() const;
  // The oldest message after number `after` (0: the oldest of all). Read from disk, checked.
  struct Entry {
    uint64_t number = 0;
    uint64_t written_unix_ns = 0;
    Message message;
  };
  std::optional<Entry> next(uint64_t after);
  // All messages up to `number` are done with: segments that hold no other are removed.
  void forget_until(uint64_t number);

  bool settled() const;  // no write is under way
  bool empty() const;
  void tick(uint64_t unix_ns);  // completions, age, bounds

 private:
  struct State;
  explicit Backlog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
