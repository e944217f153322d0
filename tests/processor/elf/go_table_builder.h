// SPDX-License-Identifier: Apache-2.0
//
// Puts .gopclntab sections together for tests, in every layout that Go has had.
#pragma once

#include <string>

#include "processor/elf/gopclntab.h"
#include "tests/processor/elf/elf_builder.h"

namespace splitprof::testing {

class GoTableBuilder {
 public:
  struct Run {
    int32_t value;
    uint64_t length;  // bytes of code
  };

  explicit GoTableBuilder(GoTable::Layout layout, uint64_t text = 0x1000) : layout_(layout), text_(text) {}

  // Functions follow each other from the beginning of text on; the runs add up to a function's length.
  void function(const std::string& name, const std::vector<Run>& sp, uint8_t flags = 0) {
    uint64_t length = 0;
    for (const Run& run : sp) length += run.length;
    functions_.push_back({at_, static_cast<uint32_t>(names_.size()), static_cast<uint32_t>(runs_.size()), flags});
    at_ += length;
    for (const char c : name + '\0') names_.push_back(static_cast<std::byte>(c));
    int32_t value = -1;
    for (const Run& run : sp) {
      // The format counts modulo 2^32.
      const auto delta = static_cast<int32_t>(static_cast<uint32_t>(run.value) - static_cast<uint32_t>(value));
      number((static_cast<uint32_t>(delta) << 1) ^ static_cast<uint32_t>(delta >> 31));
      number(static_cast<uint32_t>(run.length));
      value = run.value;
    }
    runs_.push_back(std::byte{0});
  }

  GoSection build(bool with_text = true) const {
    using Layout = GoTable::Layout;
    const bool short_words = layout_ >= Layout::go1_18;
    GoSection section{.address = ElfAddress(0x9000), .text = ElfAddress(with_text ? 0 : text_)};
    ByteVector& out = section.bytes;
    constexpr uint32_t kMagics[] = {0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1};
    append(out, kMagics[static_cast<int>(layout_)]);
    for (const int byte : {0, 0, 1, 8}) out.push_back(static_cast<std::byte>(byte));
    append(out, uint64_t{functions_.size()});
    const uint64_t field_bytes = short_words ? 4 : 8;
    const uint64_t table_bytes = (functions_.size() * 2 + 1) * field_bytes;
    // What lies where: header, names, runs, functions; in the oldest layout the functions come first.
    const uint64_t header_bytes = layout_ == Layout::go1_2 ? 16 : layout_ == Layout::go1_16 ? 64 : 72;
    const uint64_t functions_at = layout_ == Layout::go1_2 ? 0 : header_bytes + names_.size() + runs_.size();
    const uint64_t table_at = layout_ == Layout::go1_2 ? 16 : 0;
    const uint64_t records_at = table_at + table_bytes + 4;
    const uint64_t names_at = layout_ == Layout::go1_2 ? records_at + functions_.size() * 64 : 0;
    if (layout_ != Layout::go1_2) {
      append(out, uint64_t{0});
      if (short_words) append(out, with_text ? text_ : uint64_t{0});
      append(out, header_bytes);
      append(out, header_bytes);
      append(out, header_bytes);
      append(out, header_bytes + names_.size());
      append(out, functions_at);
      out.insert(out.end(), names_.begin(), names_.end());
      out.insert(out.end(), runs_.begin(), runs_.end());
    }
    const auto word = [&](uint64_t value) {
      if (short_words)
        append(out, static_cast<uint32_t>(value));
      else
        append(out, value);
    };
    const uint64_t base = short_words ? 0 : text_;
    for (size_t i = 0; i < functions_.size(); ++i) {
      word(base + functions_[i].start);
      word(records_at + i * 64);
    }
    word(base + at_);
    append(out, uint32_t{0});  // where the oldest layout has the offset of its files
    for (const Function& function : functions_) {
      const size_t begin = out.size();
      word(base + function.start);
      append(out, static_cast<uint32_t>(names_at + function.name));
      append(out, uint64_t{0});
      append(out, static_cast<uint32_t>(names_at + (names_at != 0 ? names_.size() : 0) + function.runs));
      for (int i = 0; i < 3; ++i) append(out, uint32_t{0});
      if (layout_ >= Layout::go1_16) append(out, uint32_t{0});
      if (layout_ >= Layout::go1_20) append(out, uint32_t{0});
      if (layout_ >= Layout::go1_16) append(out, static_cast<uint32_t>(function.flags << 8));
      out.resize(begin + 64);
    }
    if (layout_ == Layout::go1_2) {
      out.insert(out.end(), names_.begin(), names_.end());
      out.insert(out.end(), runs_.begin(), runs_.end());
    }
    return section;
  }

 private:
  struct Function {
    uint64_t start;
    uint32_t name;
    uint32_t runs;
    uint8_t flags;
  };

  void number(uint32_t value) {
    for (; value >= 0x80; value >>= 7) runs_.push_back(static_cast<std::byte>(value | 0x80));
    runs_.push_back(static_cast<std::byte>(value));
  }

  GoTable::Layout layout_;
  uint64_t text_;
  uint64_t at_ = 0;
  std::vector<Function> functions_;
  ByteVector names_, runs_{std::byte{0}};
};

}  // namespace splitprof::testing
