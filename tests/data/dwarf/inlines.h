// SPDX-License-Identifier: Apache-2.0
//
// The source of the files beside it, which build.sh makes. debug_info_test.cc expects these line numbers.
#pragma once

using Number = unsigned long;
extern volatile Number sink;

namespace deep {
struct Pair {
  Number first, second;
  Number sum() const { return first + second; }
};
[[gnu::always_inline]] inline Number innermost(Number n) {
  sink = n * 3;
  return sink + 1;
}
template <typename T>
[[gnu::always_inline]] inline T middle(T n) {
  return innermost(n) + Pair{n, n + 7}.sum();
}
}  // namespace deep
