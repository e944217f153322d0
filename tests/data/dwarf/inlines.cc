// SPDX-License-Identifier: Apache-2.0
#include "inlines.h"

struct Machine {
  Number state;
  [[gnu::noinline]] Number step(Number n);
};

Number Machine::step(Number n) {
  state += deep::middle(n);
  return state;
}

extern "C" [[gnu::noinline]] Number outer(Number n) {
  sink = n;
  Number result = deep::middle(n);
  struct Local {
    [[gnu::noinline]] static Number work(Number n) {
      return sink + n;
    }
  };
  result += Local::work(n);
  const auto lambda = [&](Number m) __attribute__((noinline)) {
    sink = m;
    return m + result;
  };
  if (n > 1000) __builtin_trap();
  return lambda(n);
}

extern "C" Number entry(Number n) {
  Machine machine{n};
  return machine.step(n) + outer(n);
}
