// SPDX-License-Identifier: Apache-2.0
//
// CapturedReads: answers reads of files from what a capture holds: the very read that was recorded, or what other reads
// of the same file cover. One thread; reads only through CaptureFile.
#pragma once

#include <map>
#include <vector>

#include "processor/capture/capture_index.h"

namespace splitprof {

class CapturedReads {
 public:
  CapturedReads(CaptureFile& file, CaptureIndex& index);

  // As ReadableFile::read_at. `gone`: the capture cannot answer it.
  Result<size_t> read(CapturedFile file, uint64_t offset, std::span<std::byte> into);
  Result<std::string> text(const CapturedText& text);
  uint64_t unanswered() const { return unanswered_; }

 private:
  // Part of a file that a read covers: [begin, end) of the file.
  struct Part {
    uint64_t begin = 0, end = 0;
    uint32_t read = 0;  // in the index
  };
  // All files of one identity: it does not matter through which of them a file was read.
  struct Same {
    std::vector<CapturedFile> files;
    bool known = false;       // what follows
    std::vector<Part> parts;  // sorted, not overlapping
    uint64_t file_end = UINT64_MAX;
  };

  const CaptureIndex::Read* find_exact(CapturedFile file, uint64_t offset, uint64_t length);
  Result<size_t> read_parts(Same& same, uint64_t offset, std::span<std::byte> into);
  void find_parts(Same& same);
  Same& same_as(CapturedFile file);
  // Bytes of what a read got, from `skip` on.
  Result<> copy(const CaptureIndex::Read& read, uint64_t skip, std::span<std::byte> into);
  Error unanswered(uint64_t offset, size_t length);

  CaptureFile& file_;
  CaptureIndex& index_;
  std::map<FileIdentity, Same> by_identity_;
  std::map<CapturedFile, Same> alone_;  // memory, which is like no other
  uint64_t unanswered_ = 0;
};

}  // namespace splitprof
