// SPDX-License-Identifier: Apache-2.0
//
// The dynamic symbols of a file, found as the loader finds them: by PT_DYNAMIC, which survives when section headers are
// stripped. Their number stands nowhere; a hash table implies it.
#pragma once

#include <cstdint>
#include <optional>

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

// The addresses that the dynamic section gives.
struct DynamicTables {
  ElfAddress symbols;
  ElfAddress strings;
  uint64_t strings_size = 0;  // bytes
  std::optional<ElfAddress> hash;
  std::optional<ElfAddress> gnu_hash;
};

// DT_GNU_HASH begins with it; the Bloom filter's words, the buckets and the hash of each symbol follow
// (https://flapenguin.me/elf-dt-gnu-hash, and glibc 2.36, elf/dl-setup_hash.c).
struct GnuHashHeader {
  uint32_t buckets, first_symbol, bloom_words, bloom_shift;
};

// not_found: the file has no dynamic symbols, as a static program.
Result<DynamicTables> read_dynamic_tables(const ElfFile& file);
// The same, with the number of symbols: all of a hash table is read for it.
Result<DynamicSymbols> find_dynamic_symbols(const ElfFile& file);

}  // namespace splitprof
