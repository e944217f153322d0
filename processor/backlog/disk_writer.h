// SPDX-License-Identifier: Apache-2.0
//
// DiskWriter: writes to two files and has each write on the disk (fdatasync) before it is called done, while its owner
// goes on. By io_uring, or by a thread and plain calls where io_uring is forbidden. Export thread; poll() never waits.
// The end waits for what is under way.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <optional>
#include <span>

#include "shared/result.h"

namespace splitprof::backlog {

class DiskWriter {
 public:
  enum class File : uint8_t { segment, progress };
  static constexpr size_t kFiles = 2;
  struct Done {
    File file = File::segment;
    int error = 0;  // errno; 0: it is on the disk
  };

  virtual ~DiskWriter() = default;
  // What write() means by `file` from now on: a descriptor that outlives its writes. None of them is under way.
  virtual Result<> use(File file, int fd) = 0;
  // One write of each file at a time. `parts` and what they point to stay as they are until it is done. `new_name`: the
  // file has just been made, and its folder has to be synced, too.
  virtual void write(File file, uint64_t offset, std::span<const iovec> parts, bool new_name) = 0;
  virtual std::optional<Done> poll() = 0;
  // The same, but waits for one. Only while a write is under way.
  virtual Done wait() = 0;
  virtual bool uses_io_uring() const { return false; }
};

// Made before the sandbox is shut, and restricted for good: it writes to and syncs those two files and the folder, and
// can neither open, read nor connect. An error where io_uring is forbidden, or older than Linux 5.10.
Result<std::unique_ptr<DiskWriter>> make_ring_writer(int folder_fd);
// Its thread begins with the first write, so that the sandbox holds for it, too.
std::unique_ptr<DiskWriter> make_thread_writer(int folder_fd);

}  // namespace splitprof::backlog
