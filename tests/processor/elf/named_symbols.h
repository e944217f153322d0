// SPDX-License-Identifier: Apache-2.0
//
// All functions of a file with their names, for tests; the program reads only names that are shown.
#pragma once

#include <string>
#include <vector>

#include "processor/elf/symbol_table.h"

namespace splitprof::testing {

struct NamedSymbol {
  std::string name;
  ElfAddress start;
  uint64_t size = 0;  // bytes
};

// In the order of addresses; empty when they cannot be read.
inline std::vector<NamedSymbol> named_symbols(const ElfFile& file) {
  std::vector<NamedSymbol> all;
  const auto table = read_symbols(file);
  for (size_t i = 0; table && i < table->size(); ++i) {
    const FoundSymbol symbol = table->at(i);
    auto name = table->read_name(file, symbol);
    if (name) all.push_back({std::move(*name), symbol.start, symbol.size});
  }
  return all;
}

}  // namespace splitprof::testing
