// SPDX-License-Identifier: Apache-2.0
//
// FileMemory: what the memory of a process looks like that maps a file, before anything in it has run: its segments,
// and nothing between them.
#pragma once

#include "processor/elf/file.h"
#include "processor/ingest/input.h"

namespace splitprof::testing {

class FileMemory final : public ReadableFile {
 public:
  FileMemory(const ElfFile& elf, uint64_t bias) : elf_(elf), bias_(bias) {}

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    const auto bytes = elf_.read_segment_from(ElfAddress(offset - bias_), into.size());
    if (!bytes) return bytes.error();
    std::copy(bytes->begin(), bytes->end(), into.begin());
    return bytes->size();
  }
  const FileIdentity& identity() const override { return identity_; }

 private:
  const ElfFile& elf_;
  const uint64_t bias_;
  FileIdentity identity_;
};

}  // namespace splitprof::testing
