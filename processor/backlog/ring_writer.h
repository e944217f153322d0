// SPDX-License-Identifier: Apache-2.0
//
// RingWriter: the DiskWriter by io_uring. A write is a chain: writev, fdatasync, and for a new file fsync of its
// folder; the first one that fails ends it. Its own header only for the test that tries what the ring refuses.
#pragma once

#include <liburing.h>

#include <array>

#include "processor/backlog/disk_writer.h"

namespace splitprof::backlog {

class RingWriter final : public DiskWriter {
 public:
  static Result<std::unique_ptr<RingWriter>> make(int folder_fd);
  ~RingWriter() override;
  RingWriter(const RingWriter&) = delete;
  RingWriter& operator=(const RingWriter&) = delete;

  Result<> use(File file, int fd) override;
  void write(File file, uint64_t offset, std::span<const iovec> parts, bool new_name) override;
  std::optional<Done> poll() override;
  Done wait() override;
  bool uses_io_uring() const override { return true; }

  io_uring& ring() { return ring_; }

 private:
  RingWriter() = default;
  void submit();
  std::optional<Done> finished();

  struct Chain {
    unsigned steps_left = 0;  // answers that are still to come
    uint64_t bytes = 0;       // that the write has to write
    int error = 0;
  };
  io_uring ring_ = {};
  bool made_ = false;
  int broken_ = 0;  // errno of a submission that will never work
  std::array<Chain, kFiles> chains_;
  std::array<bool, kFiles> reported_{true, true};
};

}  // namespace splitprof::backlog
