// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/progress_file.h"

#include <fcntl.h>

namespace splitprof::backlog {

Result<> ProgressFile::open() {
  file_ = TRY(store_.folder.open_progress(true));
  // So that there is room for it on a disk that is full; where this cannot be had it does without.
  (void)posix_fallocate(file_.get(), 0, static_cast<off_t>(2 * kProgressSlotBytes));
  return store_.writer->use(DiskWriter::File::progress, file_.get());
}

void ProgressFile::write() {
  store_.progress_dirty = false;
  bytes_ = encode_progress({.sequence = ++sequence_, .finished = store_.ledger.finished.ranges()});
  part_ = {bytes_.data(), bytes_.size()};
  writing_ = true;
  store_.writer->write(DiskWriter::File::progress, sequence_ % 2 * kProgressSlotBytes, {&part_, 1}, false);
}

void ProgressFile::finished(int error) {
  writing_ = false;
  if (error != 0) {
    ++store_.metrics.backlog_write_errors;
    store_.progress_dirty = true;
    retry_at_ns_ = store_.monotonic_ns + kRetryNs;
    return;
  }
  for (const uint64_t number : removable_)
    if (store_.ledger.segments.contains(number)) store_.remove_segment(number);
}

}  // namespace splitprof::backlog
