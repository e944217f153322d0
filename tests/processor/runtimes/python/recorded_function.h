// SPDX-License-Identifier: Apache-2.0
//
// RecordedFunction: one code object and what belongs to it, in a form that a fuzzer changes well: which layout, when
// memory changes and how, then the pieces of memory. A piece is two bytes of length and its bytes; the nth begins at
// n << 16, and zeroes follow up to the end of its last page. The code object is the first.
#pragma once

#include <array>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "processor/ingest/input.h"
#include "tests/fuzz/bytes_of_fuzzer.h"
#include "tests/processor/runtimes/python/objects.h"

namespace splitprof::testing {

constexpr uint64_t address_of_piece(size_t n) {
  return uint64_t{n + 1} << 16;
}

class RecordedFunction final : public ReadableFile {
 public:
  explicit RecordedFunction(BytesOfFuzzer input) {
    version_ = &kVersions[input.take<uint8_t>() % std::size(kVersions)];
    change_at_ = input.take<uint8_t>();
    changed_byte_ = input.take<uint8_t>();
    change_ = input.take<uint8_t>();
    for (auto& piece : pieces_) piece = input.take_bytes(input.take<uint16_t>());
  }
  const PythonVersion& version() const { return *version_; }
  bool changes() const { return change_at_ != 0; }
  uint64_t reads() const { return reads_; }

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    const uint64_t n = (offset >> 16) - 1, at = offset & 0xffff;
    if (n >= pieces_.size()) return size_t{0};
    const auto piece = pieces_[n];
    const size_t mapped = (piece.size() + 4095) / 4096 * 4096;
    if (at >= mapped) return size_t{0};
    const size_t size = std::min(into.size(), mapped - at);
    const size_t filled = at < piece.size() ? std::min(size, piece.size() - at) : 0;
    if (filled != 0) std::memcpy(into.data(), piece.data() + at, filled);
    std::memset(into.data() + filled, 0, size - filled);
    // From some read on, one byte of the code object is another one.
    if (++reads_ >= change_at_ && change_at_ != 0 && n == 0 && changed_byte_ >= at && changed_byte_ - at < size)
      into[changed_byte_ - at] ^= std::byte{change_};
    return size;
  }
  const FileIdentity& identity() const override { return identity_; }

 private:
  const PythonVersion* version_;
  uint8_t change_at_, changed_byte_, change_;
  std::array<std::span<const uint8_t>, 6> pieces_;
  uint64_t reads_ = 0;
  FileIdentity identity_;
};

// Passes reads on and remembers them, to make such an input of them.
class FunctionRecorder final : public ReadableFile {
 public:
  explicit FunctionRecorder(ReadableFile& file) : file_(file) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    auto n = file_.read_at(offset, into);
    if (!n) return n;
    const std::string bytes(reinterpret_cast<const char*>(into.data()), *n);
    for (auto& [address, known] : pieces_) {
      if (address != offset && address + known.size() != offset) continue;
      if (address != offset)
        known += bytes;
      else if (known.size() < bytes.size())
        known = bytes;
      return n;
    }
    pieces_.emplace_back(offset, bytes);
    return n;
  }
  const FileIdentity& identity() const override { return file_.identity(); }

  // Of reads of a code object, its strings and its lines. Addresses are replaced by those that the pieces have in the
  // input, and what lies behind an object is left out: it is nobody's business.
  std::string input(uint8_t version_number, const PythonLayout& layout) const {
    std::string out{static_cast<char>(version_number), 0, 0, 0};
    for (size_t i = 0; i < pieces_.size(); ++i) {
      std::string bytes = pieces_[i].second;
      bytes.resize(std::min(bytes.size(), object_bytes(i, layout)));
      for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        uint64_t word;
        std::memcpy(&word, &bytes[at], 8);
        if (word == layout.code_type.value) word = kCodeType;
        for (size_t n = 0; n < pieces_.size(); ++n)
          if (word == pieces_[n].first) word = address_of_piece(n);
        std::memcpy(&bytes[at], &word, 8);
      }
      out += static_cast<char>(bytes.size());
      out += static_cast<char>(bytes.size() >> 8);
      out += bytes;
    }
    return out;
  }

 private:
  // First comes the code object, last the table of lines, strings between them.
  size_t object_bytes(size_t i, const PythonLayout& layout) const {
    const auto int_at = [&](size_t at) {
      uint32_t number = 0;
      std::memcpy(&number, pieces_[i].second.data() + at, 4);
      return number;
    };
    if (i == 0) return std::max(layout.code_lines + 8, layout.check_offset + layout.check_words * 8);
    if (i + 1 == pieces_.size()) return layout.bytes_data + int_at(layout.bytes_size);
    const uint32_t state = int_at(layout.string_state);
    return ((state & 0x40) != 0 ? layout.string_ascii_data : layout.string_compact_data) +
           int_at(layout.string_length) * (state >> 2 & 7);
  }

  ReadableFile& file_;
  std::vector<std::pair<uint64_t, std::string>> pieces_;
};

}  // namespace splitprof::testing
