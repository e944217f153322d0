// SPDX-License-Identifier: Apache-2.0
//
// plt_calls SECONDS: calls into a shared library all the time, so that samples lie at every byte of PLT entries.
#include "busy.h"

extern "C" {
uint64_t tiny_add(uint64_t value);
uint64_t tiny_shift(uint64_t value);
uint64_t tiny_flip(uint64_t value);

SPLITPROF_KEEP uint64_t call_through_plt(uint64_t value) {
  for (int i = 0; i < 100000; i++) value = tiny_flip(tiny_shift(tiny_add(value)));
  keep(value);
  return value;
}
}

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 5));
  uint64_t value = 1;
  while (Clock::now() < deadline) value = call_through_plt(value);
  return value == 0;
}
