// SPDX-License-Identifier: Apache-2.0
#include "processor/export/printable.h"

#include <algorithm>

#include "processor/export/utf8.h"

namespace splitprof {
namespace {

constexpr std::string_view kEllipsis = "…";

}  // namespace

std::string printable_text(std::string_view text, size_t max_bytes) {
  const auto is_plain = [](char byte) { return byte >= 0x20 && byte < 0x7f; };
  if (text.size() <= max_bytes && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const auto character = next_character(text);
    const bool keep = character.valid && is_harmless(character.value);
    const std::string_view bytes = keep ? text.substr(0, character.bytes) : "?";
    if (out.size() + bytes.size() + kEllipsis.size() > max_bytes && text.size() > kEllipsis.size()) {
      out += kEllipsis;
      break;
    }
    out += bytes;
    text.remove_prefix(character.bytes);
  }
  return out;
}

}  // namespace splitprof
