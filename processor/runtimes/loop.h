// SPDX-License-Identifier: Apache-2.0
//
// The code of an interpreter's main loop: the function itself, and the parts that the compiler (or BOLT) has moved away
// from it, which have no symbol in a stripped file. A worker's.
#pragma once

#include <cstdint>
#include <vector>

#include "processor/elf/file.h"
#include "processor/elf/named_symbols.h"
#include "shared/result.h"

namespace splitprof {

struct LoopRange {
  ElfAddress start;
  uint64_t size = 0;  // bytes
  friend bool operator==(const LoopRange&, const LoopRange&) = default;
};

// Sorted, not overlapping, at least one, at most SP_MAX_CODE_RANGES. In an interpreter built of tail calls the function
// is only the entry: it is the caller of what runs, which is enough.
Result<std::vector<LoopRange>> find_loop(const ElfFile& file, const NamedSymbol& function);

}  // namespace splitprof
