// SPDX-License-Identifier: Apache-2.0
//
// CHECK(condition): an invariant of this code. A broken one ends the process, as going on would be worse; whoever
// started it starts it again. Never for input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) [[unlikely]] {                                                            \
      std::fprintf(stderr, "<2>%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                             \
    }                                                                                           \
  } while (false)
