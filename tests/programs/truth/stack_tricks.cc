// SPDX-License-Identifier: Apache-2.0
//
// stack_tricks SECONDS: frames whose size is only known when they are entered (alloca, an array of variable length),
// frames that are realigned, and jumps that leave several frames at once (setjmp, longjmp).
#include <alloca.h>
#include <setjmp.h>

#include <cstring>

#include "../busy.h"

extern "C" {
SPLITPROF_KEEP uint64_t tricky_work(uint64_t value) {
  for (int i = 0; i < 3000; i++) {
    value = mix(value + i);
    keep(value);
  }
  return value;
}

SPLITPROF_KEEP uint64_t with_alloca(unsigned depth, uint64_t value) {
  const size_t size = 16 + value % 300;
  auto* bytes = static_cast<unsigned char*>(alloca(size));
  std::memset(bytes, static_cast<int>(value), size);
  asm volatile("" : : "r"(bytes) : "memory");
  uint64_t result = depth == 0 ? tricky_work(value) : with_alloca(depth - 1, value + bytes[size / 2]);
  keep(result);
  return result + bytes[0];
}

// 64-byte alignment makes the compiler realign the stack: the CFA is then found through a pointer.
SPLITPROF_KEEP uint64_t with_realigned_stack(unsigned depth, uint64_t value) {
  alignas(64) uint64_t vector[16];
  for (auto& element : vector) element = value++;
  asm volatile("" : : "r"(vector) : "memory");
  uint64_t result = depth == 0 ? tricky_work(value) : with_realigned_stack(depth - 1, value + vector[3]);
  keep(result);
  return result + vector[depth % 16];
}

SPLITPROF_KEEP uint64_t jump_out(jmp_buf& where, unsigned depth, uint64_t value) {
  if (depth != 0) {
    value = jump_out(where, depth - 1, value + 1);
    keep(value);
    return value + 1;
  }
  value = tricky_work(value);
  if (value != 0) longjmp(where, static_cast<int>(value % 1000) + 1);
  return value;
}

SPLITPROF_KEEP uint64_t with_longjmp(uint64_t value) {
  jmp_buf where;
  const int jumped = setjmp(where);
  if (jumped == 0) jump_out(where, 8, value);
  return tricky_work(static_cast<uint64_t>(jumped));
}
}

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 5));
  uint64_t value = 1;
  while (Clock::now() < deadline) {
    value += with_alloca(8, value);
    value += with_realigned_stack(8, value);
    value += with_longjmp(value);
  }
  return value == 0;
}
