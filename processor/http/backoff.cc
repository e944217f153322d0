// SPDX-License-Identifier: Apache-2.0
#include "processor/http/backoff.h"

#include <algorithm>
#include <charconv>

namespace splitprof::http {

Backoff::Backoff(uint64_t initial_ns, uint64_t max_ns, uint64_t seed)
    : initial_ns_(initial_ns), max_ns_(std::max(initial_ns, max_ns)), random_(seed) {}

uint64_t Backoff::wait_ns(unsigned n) {
  const unsigned doublings = n == 0 ? 0 : n - 1;
  // Compared before it is shifted: a shift may not lose bits.
  const bool fits = doublings < 64 && initial_ns_ <= max_ns_ >> doublings;
  const uint64_t whole = fits ? initial_ns_ << doublings : max_ns_;
  const double chance = static_cast<double>(random_() >> 11) * 0x1p-53;  // in [0, 1), whole 53 bits of a double
  return whole / 2 + static_cast<uint64_t>(chance * static_cast<double>(whole - whole / 2));
}

std::optional<uint64_t> parse_retry_after_ns(std::string_view text) {
  constexpr uint64_t kSecondNs = 1'000'000'000, kMostSeconds = 1'000'000'000;
  uint64_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return std::min(seconds, kMostSeconds) * kSecondNs;
}

}  // namespace splitprof::http
