// SPDX-License-Identifier: Apache-2.0
//
// SymbolTable: where the functions of one ELF file are, sorted by address in 12 bytes each. Names stay in the file and
// are read when they are shown. Made by a worker from .symtab and .dynsym, or, without section headers, from what the
// dynamic loader uses; immutable afterwards. Where several symbols share an address one is kept: sized before unsized,
// global before weak before local.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

struct FoundSymbol {
  ElfAddress start;
  uint64_t size = 0;  // bytes; of a symbol without a size: up to the next one, or to the end of its section
  uint32_t name = 0;  // for read_name
};

class SymbolTable {
 public:
  SymbolTable() = default;
  // The innermost function that holds `address`.
  std::optional<FoundSymbol> find(ElfAddress address) const;
  size_t size() const { return starts_.size(); }
  FoundSymbol at(size_t index) const;  // in the order of addresses
  // As the file has it: neither demangled nor checked to be text. `file` is the one that the table was made from.
  Result<std::string> read_name(const ElfFile& file, const FoundSymbol& symbol) const;
  size_t memory_bytes() const;
  // Symbols that were left out because they broke the format or a bound of ours.
  uint64_t dropped() const { return dropped_; }
  friend bool operator==(const SymbolTable&, const SymbolTable&) = default;

 private:
  friend class SymbolTableBuilder;
  struct Strings {
    FileOffset offset;
    uint64_t size = 0;  // bytes
    friend bool operator==(const Strings&, const Strings&) = default;
  };

  uint64_t base_ = 0;             // ELF address of offset 0
  std::vector<uint32_t> starts_;  // offsets, strictly ascending
  std::vector<uint32_t> sizes_;   // bytes
  std::vector<uint32_t> names_;   // offset into a string table; the highest bit says which one
  Strings strings_[2];
  uint64_t dropped_ = 0;
};

// An empty table when the file has no symbols.
Result<SymbolTable> read_symbols(const ElfFile& file);

}  // namespace splitprof
