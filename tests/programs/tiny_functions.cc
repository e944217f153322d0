// SPDX-License-Identifier: Apache-2.0
//
// Functions of two instructions, to be called through a PLT.
#include <cstdint>

extern "C" {
uint64_t tiny_add(uint64_t value) {
  return value + 3;
}
uint64_t tiny_shift(uint64_t value) {
  return value ^ (value << 1);
}
uint64_t tiny_flip(uint64_t value) {
  return ~value;
}
}
