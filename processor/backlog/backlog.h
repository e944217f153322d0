// SPDX-License-Identifier: Apache-2.0
//
// Backlog: messages on disk in append-only segment files with checksums, bounded in bytes and age. What was fsynced
// survives a crash, unless a bound drops it, which is counted. Until then a message waits in memory, and a disk that is
// full is tried again. The folder belongs to one process. Opened before the sandbox is shut, by the user that runs
// later; writes go through io_uring where that may be used. Export thread. Layout and promises: docs/backlog.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "processor/pipelines/message.h"
#include "processor/telemetry/exporter_metrics.h"
#include "shared/result.h"

namespace splitprof {

namespace backlog {
class DiskWriter;
}

class Backlog {
 public:
  struct Options {
    std::string folder;             // is made when it is not there
    uint64_t max_bytes = 1u << 30;  // of all segments
    uint64_t max_age_ns = 24ull * 3600 * 1'000'000'000;
    bool io_uring = true;                      // false: plain calls
    uint64_t max_unwritten_bytes = 32u << 20;  // waiting in memory for a disk that cannot be written, compressed
  };

  // Reads what an earlier process left behind. Damage is skipped, counted and logged, never an error; a folder that
  // cannot be used is one. `unix_ns`: now; 0 asks the clock. It is the time until the first tick().
  static Result<std::unique_ptr<Backlog>> open(Options options, ExporterMetrics& metrics, uint64_t unix_ns = 0);
  // The same with another way to write than its own two: for tests. Called with the folder's descriptor.
  using MakeWriter = std::function<std::unique_ptr<backlog::DiskWriter>(int)>;
  static Result<std::unique_ptr<Backlog>> open_with(Options options, ExporterMetrics& metrics, uint64_t unix_ns,
                                                    const MakeWriter& make_writer);
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // A message's number is its place in the order; whoever appends it chooses one. Above all that were found at opening:
  uint64_t first_free_number() const;

  // Takes a copy and begins to write it. What is there under this number is replaced: once the new one is on disk, the
  // old one is gone, at once. `taken`: as if take() had returned it. Its samples are counted as waiting by the caller.
  void append(uint64_t number, const Message& message, bool taken = false);
  bool on_disk(uint64_t number) const;  // survives a crash from now on

  // The oldest message that nobody has taken, from memory or from disk, checked; what cannot be read is counted and
  // left out. It stays until it is forgotten.
  struct Entry {
    uint64_t number = 0;
    Message message;
  };
  std::optional<Entry> take();
  std::optional<uint64_t> oldest_waiting() const;  // which one that would be, if it can be read
  // take() returns it again. False: a bound has dropped it meanwhile, and its samples are counted so.
  bool give_back(uint64_t number, uint32_t samples);
  // It is done with. A crash before the next progress is on disk brings it back.
  void forget(uint64_t number);

  bool settled() const;  // everything that was appended and forgotten is on disk
  bool empty() const;    // all are forgotten
  // Completions, writes that failed before, age.
  void tick(uint64_t monotonic_ns, uint64_t unix_ns);

 private:
  struct State;
  explicit Backlog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
