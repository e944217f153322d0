// SPDX-License-Identifier: Apache-2.0
//
// Store: what the parts of one backlog have in common: its folder, what is in it, the way to write, the time. Owned by
// the backlog; no behaviour but the few lines that all of them need.
#pragma once

#include <memory>
#include <string>

#include "processor/backlog/backlog.h"
#include "processor/backlog/disk_writer.h"
#include "processor/backlog/folder.h"
#include "processor/backlog/ledger.h"
#include "shared/log.h"

namespace splitprof::backlog {

constexpr uint64_t kRetryNs = 1'000'000'000;  // after a write that failed

struct Store {
  const Backlog::Options options;
  ExporterMetrics& metrics;
  Folder folder;
  Ledger ledger;
  uint64_t next_segment = 1;
  uint64_t monotonic_ns = 0, unix_ns = 0;
  bool progress_dirty = false;  // more is finished than the progress file says
  std::unique_ptr<DiskWriter> writer;

  void remove_file(uint64_t number) const {
    if (const auto removed = folder.remove_segment(number); !removed)
      log::warn("backlog {}: {}", folder.path(), removed.error().message);
  }
  void remove_segment(uint64_t number) {
    remove_file(number);
    ledger.segments.erase(number);
    ledger.tidy_finished();
  }
};

}  // namespace splitprof::backlog
