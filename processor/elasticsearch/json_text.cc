// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/json_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "processor/export/utf8.h"

namespace splitprof::elasticsearch {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Stands for itself in a JSON string.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
  }
}

}  // namespace

void JsonText::append(std::string& out, std::string_view text) const {
  size_t left = kMaxTextBytes;  // of what the server will see
  while (!text.empty()) {
    const size_t most = std::min(text.size(), left);
    size_t plain = 0;
    while (plain < most && kPlain[static_cast<uint8_t>(text[plain])]) ++plain;
    out.append(text.data(), plain);
    text.remove_prefix(plain);
    left -= plain;
    if (text.empty()) return;
    const Character character = next_character(text);
    const size_t bytes = character.valid ? character.bytes : kReplacement.size();
    if (bytes > left) {
      ++texts_cut_;
      return;
    }
    if (!character.valid) {
      out += kReplacement;
    } else if (bytes > 1) {
      out.append(text.data(), bytes);
    } else {
      append_escaped(out, text[0]);
    }
    text.remove_prefix(character.bytes);
    left -= bytes;
  }
}

void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) number = 0;
  char digits[32];
  const std::string_view text(digits,
                              static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits));
  out += text;
  if (text.find_first_of(".e") == text.npos) out += ".0";
}

}  // namespace splitprof::elasticsearch
