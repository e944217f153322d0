// SPDX-License-Identifier: Apache-2.0
//
// The dynamic symbols of a file, found as the loader finds them: by PT_DYNAMIC, which survives when section headers are
// stripped. Their number stands nowhere; a hash table implies it.
#pragma once

#include <cstdint>

#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

struct DynamicSymbols {
  FileOffset symbols;
  uint64_t count = 0;
  FileOffset strings;
  uint64_t strings_size = 0;  // bytes
};

// not_found: the file has none, as a static program.
Result<DynamicSymbols> find_dynamic_symbols(const ElfFile& file);

}  // namespace splitprof
