// SPDX-License-Identifier: Apache-2.0
//
// SymbolTable: the functions of one executable, sorted by address in 12 bytes each plus their names. Made by a worker
// from .symtab and .dynsym, immutable afterwards. Names are as the file has them: neither demangled nor checked to be
// text. Where several symbols share an address one is kept: sized before unsized, global before weak before local.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

struct SymbolView {
  std::string_view name;  // lives as long as the table
  ElfAddress start;
  uint64_t size = 0;  // bytes; of a symbol without a size: up to the next one, or to the end of its section
};

class SymbolTable {
 public:
  SymbolTable() = default;
  // The innermost function that holds `address`.
  std::optional<SymbolView> find(ElfAddress address) const;
  size_t size() const { return starts_.size(); }
  SymbolView at(size_t index) const;  // in the order of addresses
  size_t memory_bytes() const;
  // Symbols that were left out because they broke the format or a bound of ours.
  uint64_t dropped() const { return dropped_; }

 private:
  friend class SymbolTableBuilder;

  uint64_t base_ = 0;             // ELF address of offset 0
  std::vector<uint32_t> starts_;  // offsets, strictly ascending
  std::vector<uint32_t> sizes_;   // bytes
  std::vector<uint32_t> names_;   // where each name begins in pool_; it ends where the next one begins
  std::string pool_;
  uint64_t dropped_ = 0;
};

// An empty table when the file has no symbols.
Result<SymbolTable> read_symbols(const ElfFile& file);

}  // namespace splitprof
