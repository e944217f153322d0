// SPDX-License-Identifier: Apache-2.0
//
// SymbolStore: all names that the processor has, and the Symbolizer that outputs ask. Belongs to the main thread, which
// hands in what workers have found; asks nobody itself. Names take a bounded number of bytes: past it those of the
// executables that were used least recently go, and are unknown until they are handed in again. Executables of equal
// content share the index of their symbols.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "processor/runtimes/functions.h"
#include "processor/symbols/file_symbols.h"
#include "processor/symbols/kernel.h"
#include "processor/traces/symbolizer.h"

namespace splitprof {

class SymbolStore final : public Symbolizer {
 public:
  explicit SymbolStore(size_t max_bytes = 256 << 20);
  ~SymbolStore() override;
  SymbolStore(const SymbolStore&) = delete;
  SymbolStore& operator=(const SymbolStore&) = delete;

  void set_kernel(KernelSymbols symbols);
  // Where functions of interpreters are looked up; longer-lived than this object.
  void set_functions(const Functions& functions) { functions_ = &functions; }
  // What the frames of executable number `place` belong to.
  void set_module(uint32_t place, Module module);
  // Whether `address` was looked up before, be it in vain.
  bool knows(uint32_t place, uint64_t address) const;
  // Of an earlier batch; null: there was none, or it was evicted.
  std::shared_ptr<const SymbolIndex> index(uint32_t place) const;
  void add(uint32_t place, const ResolvedNames& names, std::shared_ptr<const SymbolIndex> index);

  std::vector<Symbol> symbolize(const Frame& frame) const override;
  Module module(const Frame& frame) const override;

  size_t memory_bytes() const { return bytes_ + kernel_.memory_bytes(); }
  uint64_t evicted() const { return evicted_; }  // executables whose names were forgotten

 private:
  struct Names;
  struct Executable {
    Module module;
    std::unique_ptr<Names> names;  // null: nothing known (any more)
  };

  Names* names_of(uint32_t place) const;
  std::vector<Symbol> symbolize_interpreted(const Frame& frame) const;
  std::shared_ptr<const SymbolIndex> share(std::shared_ptr<const SymbolIndex> index);
  void forget(Executable& executable);
  void evict_until_it_fits(const Executable& but);

  size_t max_bytes_;
  size_t bytes_ = 0;  // of all names and indexes
  uint64_t evicted_ = 0;
  mutable uint64_t clock_ = 0;  // counts questions
  KernelSymbols kernel_;
  const Functions* functions_ = nullptr;
  std::unordered_map<uint32_t, Executable> executables_;
  // By number of symbols. Weak: an index is there as long as an executable has it.
  std::multimap<size_t, std::weak_ptr<const SymbolIndex>> indexes_;
};

}  // namespace splitprof
