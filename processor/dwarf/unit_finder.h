// SPDX-License-Identifier: Apache-2.0
//
// Which unit does an address belong to? From .debug_aranges for the units that it names, else from the ranges of a
// unit's first entry. Nothing is kept: every range of the file is held against the addresses once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "processor/dwarf/unit.h"

namespace splitprof::dwarf {

struct UnitAddresses {
  UnitHeader unit;
  std::vector<size_t> addresses;  // indexes into what was asked for, ascending
};

struct UnitFinding {
  std::vector<UnitAddresses> units;  // in the order of the file
  uint64_t seen = 0;                 // units of the file
  uint64_t broken = 0;               // of which these could not be understood
  std::string problem;               // the first one's
};

// `addresses` are ascending. Ranges that begin below `lowest` are of code that the linker threw away. Where units
// contradict each other the first one has the address. An error: the job's reads or steps are used up.
Result<UnitFinding> find_units(DwarfFile& file, std::span<const uint64_t> addresses, uint64_t lowest, Work& work);

}  // namespace splitprof::dwarf
