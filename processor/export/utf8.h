// SPDX-License-Identifier: Apache-2.0
//
// UTF-8, one character at a time, from bytes that may be anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace splitprof {

struct Character {
  uint32_t value = 0;  // code point; meaningless when not valid
  size_t bytes = 1;    // to go on by
  bool valid = false;
};

// The first character of `text`, which is not empty. Overlong forms, surrogates and values past U+10FFFF are not valid
// (Unicode 15.0, table 3-7).
inline Character next_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  uint32_t value = first & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return {};
  return {value, bytes, true};
}

// Not a control character, not a separator of lines, and nothing that reorders or hides the text around it.
inline bool is_harmless(uint32_t value) {
  const auto in = [value](uint32_t first, uint32_t last) { return value >= first && value <= last; };
  return !(value < 0x20 || in(0x7f, 0x9f) || value == 0xad || value == 0x61c || in(0x200b, 0x200f) ||
           in(0x2028, 0x202e) || in(0x2060, 0x206f) || value == 0xfeff || in(0xe0000, 0xe0fff));
}

}  // namespace splitprof
