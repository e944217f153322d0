// SPDX-License-Identifier: Apache-2.0
#include "processor/config/duration.h"

#include <charconv>
#include <cstdlib>
#include <limits>

namespace splitprof::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
// The longer name first where one begins with the other. µ is in Unicode twice: U+00B5 and U+03BC.
constexpr Unit kUnits[] = {
    {"ns", 1},         {"us", 1'000},        {"\xc2\xb5s", 1'000},  {"\xce\xbcs", 1'000},
    {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000},
};
constexpr __int128 kMax = std::numeric_limits<int64_t>::max();

Error no_duration() {
  return Error{Errc::malformed, "has to be a time as in \"30s\", \"1m30s\" or \"500ms\""};
}

// Digits and a fraction, then a unit; `text` moves on.
Result<__int128> parse_part(std::string_view& text) {
  __int128 whole = 0, fraction = 0, scale = 1;
  bool digits = false, point = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text[0] == '.' && !point) {
      point = true;
      continue;
    }
    if (text[0] < '0' || text[0] > '9') break;
    digits = true;
    if (!point) {
      whole = whole * 10 + (text[0] - '0');
      if (whole > kMax) return no_duration();
    } else if (scale < 1'000'000'000'000'000) {  // digits after that change no nanosecond of an hour
      fraction = fraction * 10 + (text[0] - '0');
      scale *= 10;
    }
  }
  if (!digits) return no_duration();
  for (const auto& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    const __int128 ns = whole * unit.ns + fraction * unit.ns / scale;
    if (ns > kMax) return no_duration();
    return ns;
  }
  return no_duration();
}

}  // namespace

Result<int64_t> parse_duration_ns(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;

  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return int64_t{0};
  if (text.empty()) return no_duration();
  __int128 sum = 0;
  while (!text.empty()) {
    sum += TRY(parse_part(text));
    if (sum > kMax) return no_duration();
  }
  return static_cast<int64_t>(negative ? -sum : sum);
}

std::string print_duration(int64_t ns) {
  if (ns == 0) return "0s";
  std::string out = ns < 0 ? "-" : "";
  uint64_t rest = ns < 0 ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  for (const auto& [name, unit] : {Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
                                   Unit{"ms", 1'000'000}, Unit{"us", 1'000}, Unit{"ns", 1}}) {
    const uint64_t count = rest / static_cast<uint64_t>(unit);
    if (count > 0) out += fmt::format("{}{}", count, name);
    rest %= static_cast<uint64_t>(unit);
  }
  return out;
}

}  // namespace splitprof::config
