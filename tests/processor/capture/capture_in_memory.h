// SPDX-License-Identifier: Apache-2.0
//
// Captures in memory, for tests: written through a memfd, read from its bytes, which a test may spoil.
#pragma once

#include <gtest/gtest.h>
#include <kj/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "processor/capture/capture_index.h"
#include "processor/capture/log.h"
#include "processor/elf/local_file.h"

namespace splitprof {

inline kj::AutoCloseFd memory_file() {
  return kj::AutoCloseFd(memfd_create("capture", MFD_CLOEXEC));
}

inline std::vector<std::byte> bytes_of(int fd) {
  std::vector<std::byte> bytes(static_cast<size_t>(lseek(fd, 0, SEEK_END)));
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

inline std::vector<std::byte> write_capture(const std::function<void(CaptureLog&)>& fill,
                                            CaptureLog::Limits limits = {}) {
  const auto fd = memory_file();
  CaptureLog log(fd, {.version = "test", .hz = 97, .duration_ns = 0, .connected_ns = 5, .pids = {}}, limits);
  fill(log);
  EXPECT_TRUE(log.finish());
  return bytes_of(fd);
}

struct OpenedCapture {
  std::unique_ptr<CaptureFile> file;
  CaptureIndex index;
};

inline Result<OpenedCapture> open_capture(std::vector<std::byte> bytes) {
  OpenedCapture opened;
  opened.file = TRY(CaptureFile::open(std::make_unique<MemoryFile>(std::move(bytes))));
  opened.index = TRY(index_capture(*opened.file));
  return opened;
}

inline std::vector<Entry> entries_of(OpenedCapture& capture) {
  std::vector<Entry> entries;
  EntryCursor cursor(*capture.file);
  while (cursor.next_place() < capture.index.end) {
    auto entry = cursor.next();
    if (!entry || !*entry) break;
    entries.push_back(std::move(**entry));
  }
  return entries;
}

}  // namespace splitprof
