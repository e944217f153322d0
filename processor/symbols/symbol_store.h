// SPDX-License-Identifier: Apache-2.0
//
// SymbolStore: all names that the processor has, and the Symbolizer that outputs ask. Belongs to the main thread, which
// hands in what workers have read; asks nobody itself. Tables take a bounded number of bytes: past it the one that was
// used least recently goes, and its functions have no names until it is handed in again.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "processor/symbols/kernel.h"
#include "processor/symbols/native.h"
#include "processor/traces/symbolizer.h"

namespace splitprof {

class SymbolStore final : public Symbolizer {
 public:
  explicit SymbolStore(size_t max_bytes = 256 << 20);
  SymbolStore(const SymbolStore&) = delete;
  SymbolStore& operator=(const SymbolStore&) = delete;

  void set_kernel(KernelSymbols symbols);
  // What the frames of executable number `place` belong to; replaces what was known of it. `table` may be null: no
  // symbols (yet). Executables of equal content are given the same table, which then counts once.
  void set_executable(uint32_t place, Module module, std::shared_ptr<const SymbolTable> table);
  // The number is free again.
  void remove_executable(uint32_t place);

  std::vector<Symbol> symbolize(const Frame& frame) const override;
  Module module(const Frame& frame) const override;

  bool has_symbols(uint32_t place) const;  // false: never handed in, or evicted
  size_t memory_bytes() const { return bytes_ + kernel_.memory_bytes(); }
  uint64_t evicted_tables() const { return evicted_tables_; }

 private:
  struct Table {
    explicit Table(std::shared_ptr<const SymbolTable> from) : symbols(std::move(from)) {}
    mutable NativeSymbols symbols;      // its cache changes when it is asked
    mutable uint64_t last_used = 0;     // of clock_
    std::vector<uint32_t> executables;  // whose symbols these are
  };
  struct Executable {
    Module module;
    const SymbolTable* table = nullptr;  // key of tables_; null: none
  };

  const Table* find_table(uint32_t place) const;
  void detach(uint32_t place);
  void drop(const SymbolTable* key);
  void evict_until_it_fits();

  size_t max_bytes_;
  size_t bytes_ = 0;  // of tables_
  uint64_t evicted_tables_ = 0;
  mutable uint64_t clock_ = 0;  // counts questions
  KernelSymbols kernel_;
  std::unordered_map<uint32_t, Executable> executables_;
  std::unordered_map<const SymbolTable*, Table> tables_;
};

}  // namespace splitprof
