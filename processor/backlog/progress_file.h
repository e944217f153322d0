// SPDX-License-Identifier: Apache-2.0
//
// ProgressFile: keeps on disk which records are finished, and removes segments of which it then says that all are. Part
// of a backlog.
#pragma once

#include <vector>

#include "processor/backlog/store.h"

namespace splitprof::backlog {

class ProgressFile {
 public:
  // `sequence`: of the newest slot that was found.
  ProgressFile(Store& store, uint64_t sequence) : store_(store), sequence_(sequence) {}
  // Before the writer is used; makes the file.
  Result<> open();

  // Writes, if there is something new. `appends_to` says of a segment whether it is appended to; such a one stays.
  template <typename AppendsTo>
  void start(AppendsTo&& appends_to) {
    if (!store_.progress_dirty || writing_ || store_.monotonic_ns < retry_at_ns_) return;
    removable_.clear();
    for (const auto& [number, segment] : store_.ledger.segments)
      if (segment.live == 0 && !appends_to(number)) removable_.push_back(number);
    write();
  }
  void finished(int error);
  bool writing() const { return writing_; }

 private:
  void write();

  Store& store_;
  uint64_t sequence_;
  kj::AutoCloseFd file_;
  std::string bytes_;
  iovec part_ = {};
  std::vector<uint64_t> removable_;  // segments that nobody needs once this is on disk
  bool writing_ = false;
  uint64_t retry_at_ns_ = 0;
};

}  // namespace splitprof::backlog
