// SPDX-License-Identifier: Apache-2.0
//
// NativeSymbols: one file's symbols as people read them. Demangles when asked, and remembers what it demangled, within
// a bound. Belongs to the main thread; the table that it reads is immutable and may be shared.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "processor/elf/symbol_table.h"
#include "shared/ids.h"

namespace splitprof {

class NativeSymbols {
 public:
  // Shared, because files of the same content have one table, which their executables and this object hold.
  explicit NativeSymbols(std::shared_ptr<const SymbolTable> table);

  // Name of the function that holds `address`: demangled, or as the file has it; empty when there is none.
  std::string name_at(ElfAddress address);

  const SymbolTable* table() const { return table_.get(); }
  size_t memory_bytes() const;  // at most; with a full cache

 private:
  std::shared_ptr<const SymbolTable> table_;
  std::unordered_map<ElfAddress, std::string> demangled_;  // by the function's start
  size_t demangled_bytes_ = 0;
};

}  // namespace splitprof
