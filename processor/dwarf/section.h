// SPDX-License-Identifier: Apache-2.0
//
// SectionBytes: a section's contents, read by position in small pieces; a compressed section is decompressed whole
// when it is first needed. Work: what one job has spent, and the end of it. Both belong to one DebugInfo.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "processor/dwarf/limits.h"
#include "processor/elf/bytes.h"
#include "processor/elf/file.h"
#include "shared/result.h"

namespace splitprof::dwarf {

// Reads and steps of one job. Once one is used up, everything fails as too_large.
class Work {
 public:
  Result<> read(uint64_t bytes);
  Result<> step(uint64_t count = 1) {
    steps_ += count;
    if (steps_ > kMaxSteps) [[unlikely]]
      return fail(Errc::too_large, "more than {} steps", kMaxSteps);
    return Ok{};
  }
  Result<> look_at(uint64_t bytes) { return step(1 + bytes / 16); }
  // Of sections that are held decompressed: how many bytes one more may have; and that it has so many.
  uint64_t may_hold() const { return kMaxDecompressedBytes - held_bytes_; }
  void hold(uint64_t bytes) { held_bytes_ += bytes; }
  uint64_t bytes_read() const { return bytes_read_; }
  bool exhausted() const { return steps_ > kMaxSteps || bytes_read_ > kMaxBytesRead; }

 private:
  uint64_t bytes_read_ = 0;
  uint64_t held_bytes_ = 0;  // <= kMaxDecompressedBytes
  uint64_t steps_ = 0;
};

class SectionBytes {
 public:
  SectionBytes() = default;  // absent: empty
  // Both outlive this object.
  SectionBytes(const ElfFile& file, std::string_view name, Work& work);

  bool present() const { return section_ != nullptr; }
  // An error when it is compressed and cannot be decompressed.
  Result<uint64_t> size();
  // At most `size` bytes from `offset`, fewer only at the section's end; valid until the next call.
  Result<Bytes> up_to(uint64_t offset, uint64_t size);
  // Exactly so many; likewise.
  Result<Bytes> at(uint64_t offset, uint64_t size);
  // The same, to keep.
  Result<std::vector<std::byte>> copy(uint64_t offset, uint64_t size);
  // An unsigned number of 1 to 8 bytes.
  Result<uint64_t> number(uint64_t offset, size_t size);
  // Up to the next zero byte; at most kMaxNameBytes. Valid until the next call.
  Result<std::string_view> text(uint64_t offset);

  // Calls parse(Bytes) with the section from `offset` on, with more and more of it as long as parse runs out of bytes,
  // up to `limit`. For what does not say how long it is.
  template <typename Parse>
  auto parse(uint64_t offset, uint64_t limit, Parse parse) -> decltype(parse(Bytes{})) {
    for (uint64_t size = kWindowBytes;; size = std::min(limit, size * 8)) {
      const Bytes piece = TRY(up_to(offset, size));
      const bool all = size >= limit || piece.remaining() < size;
      auto parsed = parse(piece);
      if (parsed.has_value() || parsed.error().code != Errc::truncated || all) return parsed;
    }
  }

 private:
  static constexpr uint64_t kWindowBytes = 1024;
  bool compressed() const;
  Result<> load_compressed();

  const ElfFile* file_ = nullptr;
  const Section* section_ = nullptr;
  Work* work_ = nullptr;
  bool loaded_ = false;            // a compressed section: `window_` is all of it
  std::optional<Error> failed_;    // or why it cannot be: not to be tried again and again
  std::vector<std::byte> window_;  // bytes from window_start_
  uint64_t window_start_ = 0;
};

}  // namespace splitprof::dwarf
