// SPDX-License-Identifier: Apache-2.0
//
// Identifiers of Universal Profiling's documents: numbers, and their text, which is base64url without padding
// (RFC 4648, section 5) of their bytes, most significant first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "processor/elasticsearch/fnv128.h"

namespace splitprof::elasticsearch {

// An executable, or whatever stands in for one.
struct FileId {
  uint64_t high = 0, low = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};
constexpr FileId kNoFile{};

// A text of fixed length, without a terminating zero.
template <size_t kSize>
struct IdText {
  std::array<char, kSize> chars{};
  operator std::string_view() const { return {chars.data(), kSize}; }
};
using FileIdText = IdText<22>;
using TraceIdText = IdText<22>;
using FrameIdText = IdText<32>;

FileIdText file_id_text(FileId file);
FrameIdText frame_id_text(FileId file, uint64_t address_or_line);
// 32 lower-case hexadecimal digits.
std::string file_id_digits(FileId file);
// 32 digits of either case, maybe with 0x in front and dashes in between; nothing: it is not that.
std::optional<FileId> parse_file_id(std::string_view digits);

void append_base64url(std::string& out, std::span<const uint8_t> bytes);

// The frames of one stack, leaf first, to its id. Types of frames do not count.
class TraceIdBuilder {
 public:
  void add(FileId file, uint64_t address_or_line);
  TraceIdText text() const;

 private:
  Fnv128 hash_;
};

}  // namespace splitprof::elasticsearch
