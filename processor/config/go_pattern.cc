// SPDX-License-Identifier: Apache-2.0
#include "processor/config/go_pattern.h"

namespace splitprof::config {

std::string re2_pattern(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size();) {
    const auto rest = pattern.substr(i);
    size_t length = 1;
    if (rest.starts_with("\\Q") && !in_class) {
      const size_t end = rest.find("\\E");
      length = end == std::string_view::npos ? rest.size() : end + 2;
    } else if (rest[0] == '\\') {
      length = rest.size() < 2 ? 1 : 2;
    } else if (in_class) {
      if (rest.starts_with("[:")) {
        const size_t end = rest.find(":]");
        if (end != std::string_view::npos) length = end + 2;
      }
      in_class = length > 1 || rest[0] != ']';
    } else if (rest[0] == '[') {
      in_class = true;
      if (rest.starts_with("[^")) length = 2;
      if (rest.substr(length).starts_with("]")) ++length;  // a bracket in the first place is a member
    } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      out += "(?P<";
      i += 3;
      continue;
    }
    out += rest.substr(0, length);
    i += length;
  }
  return out;
}

}  // namespace splitprof::config
