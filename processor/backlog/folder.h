// SPDX-License-Identifier: Apache-2.0
//
// Folder: where a backlog's files are: its lock, its segments by number, its progress file. Everything is opened
// relative to the folder's descriptor and never through a symbolic link. Knows nothing of what is in the files. The
// calls may wait for the disk: they are few, and short.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shared/result.h"

namespace splitprof::backlog {

class Folder {
 public:
  // For the one that writes: made (mode 0700, as the folders above it) where it is not there, and locked until the end.
  static Result<Folder> open(const std::string& path);
  // For looking: nothing is made or locked.
  static Result<Folder> open_for_reading(const std::string& path);

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  bool in_use() const;                             // another process has it locked
  Result<std::vector<uint64_t>> segments() const;  // numbers, ascending
  Result<kj::AutoCloseFd> create_segment(uint64_t number) const;
  Result<kj::AutoCloseFd> open_segment(uint64_t number) const;  // to read
  Result<> truncate_segment(uint64_t number, uint64_t bytes) const;
  Result<> remove_segment(uint64_t number) const;
  Result<kj::AutoCloseFd> open_progress(bool writable) const;  // writable: is made where it is not there

 private:
  Folder(std::string path, kj::AutoCloseFd fd) : path_(std::move(path)), fd_(kj::mv(fd)) {}
  Result<kj::AutoCloseFd> open_file(const char* name, int flags) const;

  std::string path_;
  kj::AutoCloseFd fd_, lock_;
};

std::string segment_name(uint64_t number);
Result<uint64_t> file_bytes(int fd);
// Fewer than `into` holds only at the end of the file.
Result<size_t> read_at(int fd, uint64_t offset, std::span<std::byte> into);

}  // namespace splitprof::backlog
