// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/allocations.h"

#include <cstdlib>
#include <new>

namespace {
uint64_t made = 0;
}

uint64_t splitprof::allocations() {
  return made;
}

void* operator new(size_t size) {
  ++made;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
