// SPDX-License-Identifier: Apache-2.0
//
// Two ReadableFiles: one over a descriptor, read with pread, and one over bytes in memory (the vDSO's image, and
// tests). Each is used by one thread at a time; reads of a descriptor may block as long as its file system likes.
#pragma once

#include <kj/io.h>

#include <vector>

#include "processor/ingest/input.h"

namespace splitprof {

class LocalFile final : public ReadableFile {
 public:
  // Takes the descriptor of a regular file over; its identity is what fstat says now.
  static Result<std::unique_ptr<LocalFile>> open(kj::AutoCloseFd fd);
  // For tests and tools: opens a path of this program's own.
  static Result<std::unique_ptr<LocalFile>> open_path(const char* path);
  ~LocalFile() noexcept override = default;  // closing a file that was only read does not fail

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override;
  const FileIdentity& identity() const override { return identity_; }

 private:
  LocalFile(kj::AutoCloseFd fd, const FileIdentity& identity) : fd_(kj::mv(fd)), identity_(identity) {}

  kj::AutoCloseFd fd_;
  FileIdentity identity_;
};

class MemoryFile final : public ReadableFile {
 public:
  explicit MemoryFile(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) { identity_.size = bytes_.size(); }

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override;
  const FileIdentity& identity() const override { return identity_; }  // the size only

 private:
  std::vector<std::byte> bytes_;
  FileIdentity identity_;
};

}  // namespace splitprof
