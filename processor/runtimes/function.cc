// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/function.h"

#include <algorithm>

namespace splitprof {

uint32_t Function::line_at(uint32_t position) const {
  const auto after = std::upper_bound(lines.begin(), lines.end(), position,
                                      [](uint32_t wanted, const LineEntry& entry) { return wanted < entry.position; });
  const uint32_t line = after == lines.begin() ? 0 : std::prev(after)->line;
  return line == 0 ? first_line : line;
}

}  // namespace splitprof
