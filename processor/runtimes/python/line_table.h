// SPDX-License-Identifier: Apache-2.0
//
// CPython's three formats of the table that tells the line of an instruction, as entries in the positions that BPF
// sends. Pure functions over bytes that are hostile.
#pragma once

#include <vector>

#include "processor/elf/bytes.h"
#include "processor/runtimes/function.h"
#include "processor/runtimes/python/layout.h"
#include "shared/result.h"

namespace splitprof {

using LineEntries = std::vector<Function::LineEntry>;

// Of a longer table the beginning is kept; what lies past it has no line. 65,536 changes of line are more than any
// function that people write has, and a generated one keeps its name, file and first line.
constexpr size_t kMostLineEntries = 1 << 16;

// co_lnotab of 3.6 to 3.9; positions are bytes.
Result<LineEntries> parse_lnotab(Bytes table, uint32_t first_line);
// co_linetable of 3.10; positions are units of two bytes.
Result<LineEntries> parse_line_ranges(Bytes table, uint32_t first_line);
// co_linetable of 3.11 on; positions are units of two bytes.
Result<LineEntries> parse_locations(Bytes table, uint32_t first_line);

Result<LineEntries> parse_line_table(PythonLineTable format, Bytes table, uint32_t first_line);

}  // namespace splitprof
