// SPDX-License-Identifier: Apache-2.0
//
// Names: the names of functions, which often stand in another entry, of another unit, or of another file. Remembers
// those that came up, within a bound. Lives as long as one job.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "processor/dwarf/unit.h"

namespace splitprof::dwarf {

class Names {
 public:
  // The linkage name of the function whose entry is at `offset` of `unit`, or else its plain name; empty: it has none,
  // or it cannot be read. Valid until `forget_some`.
  std::string_view of(const Unit& unit, uint64_t offset);
  // To be called now and then.
  void forget_some();

 private:
  std::string read(const Unit& unit, uint64_t offset);

  std::map<std::pair<const DwarfFile*, uint64_t>, std::string> known_;  // by entry
  size_t bytes_ = 0;
};

}  // namespace splitprof::dwarf
