// SPDX-License-Identifier: Apache-2.0
//
// Looks a few symbols up by name. Exported ones cost a handful of small reads, as the loader's own look-up does: that
// is how nearly all files are told not to be an interpreter. A worker's; keeps nothing.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

struct NamedSymbol {
  ElfAddress address;
  uint64_t size = 0;  // bytes, as the symbol says
  bool is_function = false;
  friend bool operator==(const NamedSymbol&, const NamedSymbol&) = default;
};

// One for each name; nothing: the file does not define it. Thread-local symbols are left out, as they have no address.
using NamedSymbols = std::vector<std::optional<NamedSymbol>>;

// Of the dynamic symbols. All absent where the file has none.
Result<NamedSymbols> find_exported(const ElfFile& file, std::span<const std::string_view> names);
// Of .symtab. The first name decides: where it is absent, so are all, and only names were read.
Result<NamedSymbols> find_in_symtab(const ElfFile& file, std::span<const std::string_view> names);

}  // namespace splitprof
