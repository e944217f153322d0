// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/utf8.h"

#include <simdjson.h>

#include "processor/export/utf8.h"

namespace splitprof::otlp {

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string_view valid_utf8(std::string_view text, std::string& buffer) {
  if (is_utf8(text)) return text;
  buffer.clear();
  while (!text.empty()) {
    const auto character = next_character(text);
    if (character.valid)
      buffer += text.substr(0, character.bytes);
    else
      buffer += "\xef\xbf\xbd";
    text.remove_prefix(character.bytes);
  }
  return buffer;
}

}  // namespace splitprof::otlp
