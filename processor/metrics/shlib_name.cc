// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/shlib_name.h"

namespace splitprof::metrics {
namespace {

std::string_view of_line(std::string_view line) {
  const size_t end = line.rfind(".so");
  if (end == std::string_view::npos || end == 0) return {};
  // The last slash that leaves a character between itself and the end; without one, all of it.
  const size_t slash = end < 2 ? std::string_view::npos : line.rfind('/', end - 2);
  const size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  return line.substr(begin, end - begin);
}

}  // namespace

std::string_view shlib_name(std::string_view file) {
  // A dot of that pattern is no line break, and the first place where it fits counts.
  while (true) {
    const size_t line_end = file.find('\n');
    if (const auto name = of_line(file.substr(0, line_end)); !name.empty()) return name;
    if (line_end == std::string_view::npos) return {};
    file.remove_prefix(line_end + 1);
  }
}

}  // namespace splitprof::metrics
