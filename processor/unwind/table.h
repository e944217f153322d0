// SPDX-License-Identifier: Apache-2.0
//
// Compiles what a file says of its frames into the table that the kernel walks by (bpf/abi.h): pages of 64 KiB, 4 bytes
// a row, and the distinct rules of this executable. What no rule can say becomes SP_RULE_ASK, what lies outside every
// function SP_RULE_NONE. A worker's: a file in, a table out; bounded in memory and time whatever the file holds.
#pragma once

#include <cstdint>
#include <span>

#include "processor/elf/file.h"
#include "processor/ingest/input.h"
#include "processor/unwind/row_source.h"
#include "processor/unwind/rule.h"
#include "shared/result.h"

namespace splitprof {

struct CompiledTable {
  InstallTable table;  // rules[0] is SP_CFA_NONE and rules[1] SP_CFA_ASK, as in the kernel's own list
  uint64_t functions = 0;
  uint64_t rows = 0;    // as the functions have them
  uint64_t broken = 0;  // records and functions that were left out

  uint64_t ask_rows() const;  // of those in the table
};

constexpr size_t kMaxTableRows = 16u << 20;  // libLLVM-14 has 0.95 M in 110 MB

// Where functions of one source overlap, the one that begins later holds from its beginning on. An earlier source
// counts for more: a later one says what holds where the earlier ones have no function. not_found: there is none.
Result<CompiledTable> compile_rows(std::span<RowSource* const> sources, std::span<const Segment> code);

// The whole way, from whatever the file has: .eh_frame, then Go's table or else .debug_frame. not_found: it has none of
// them.
Result<CompiledTable> compile_table(const ElfFile& file);

}  // namespace splitprof
