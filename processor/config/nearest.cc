// SPDX-License-Identifier: Apache-2.0
#include "processor/config/nearest.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace splitprof::config {
namespace {

constexpr size_t kMaxWord = 100;  // nobody means a key by more

std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word.substr(0, kMaxWord))
    if (c != '_' && c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const std::string wanted = folded(word);
  std::string best;
  size_t best_distance = wanted.size() / 2;
  for (const auto& candidate : known) {
    const size_t now = distance(wanted, folded(candidate));
    if (now > best_distance) continue;
    best_distance = now;
    best = candidate;
  }
  return best;
}

}  // namespace splitprof::config
