// SPDX-License-Identifier: Apache-2.0
//
// plain SECONDS: recursion in C with a call of the C library at its end, for whatever compiler, C library and linker
// options it is built with.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char from[1 << 16], to[1 << 16];

__attribute__((noinline)) uint64_t plain_leaf(uint64_t value) {
  for (int i = 0; i < 4000; i++) value = (value ^ (value >> 29)) * 0xff51afd7ed558ccdull + (uint64_t)i;
  memcpy(to, from, sizeof(to));
  return value + (uint64_t)to[value % sizeof(to)];
}

__attribute__((noinline)) uint64_t plain_descend(unsigned depth, uint64_t value) {
  const uint64_t result = depth == 0 ? plain_leaf(value) : plain_descend(depth - 1, value + depth);
  return result ^ (depth + (uint64_t)from[depth % sizeof(from)]);
}

int compare(const void* a, const void* b) {
  const uint64_t left = plain_leaf(*(const uint64_t*)a), right = plain_leaf(*(const uint64_t*)b);
  return (left > right) - (left < right);
}

__attribute__((noinline)) uint64_t plain_sort(uint64_t value) {
  uint64_t numbers[8];
  for (int i = 0; i < 8; i++) numbers[i] = value += 7919;
  qsort(numbers, 8, sizeof(numbers[0]), compare);  // the C library calls back
  return numbers[0];
}

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 5;
  struct timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += (time_t)seconds;
  uint64_t value = 1;
  do {
    for (int i = 0; i < 50; i++) value += plain_descend(20, value) + plain_sort(value);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
  return value == 0;
}
