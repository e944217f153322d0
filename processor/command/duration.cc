// SPDX-License-Identifier: Apache-2.0
#include "processor/command/duration.h"

#include <charconv>

namespace splitprof {

Result<double> parse_duration(std::string_view text) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(rest, static_cast<size_t>(text.data() + text.size() - rest));
  double seconds = 0;
  if (unit == "ms") {
    seconds = number / 1000;
  } else if (unit.empty() || unit == "s") {
    seconds = number;
  } else if (unit == "m") {
    seconds = number * 60;
  } else if (unit == "h") {
    seconds = number * 3600;
  } else {
    return fail(Errc::malformed, "\"{}\" is no length of time: write 30s, 500ms, 2m or 1h", text);
  }
  if (error != std::errc{})
    return fail(Errc::malformed, "\"{}\" is no length of time: write 30s, 500ms, 2m or 1h", text);
  if (!(seconds > 0) || seconds > 30 * 86400.0)
    return fail(Errc::too_large, "{} is outside the allowed lengths: more than 0, at most 30 days", text);
  return seconds;
}

}  // namespace splitprof
