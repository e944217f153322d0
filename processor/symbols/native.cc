// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/native.h"

#include <utility>

#include "processor/symbols/demangle.h"
#include "shared/check.h"

namespace splitprof {
namespace {

// Some hundred functions, as one report shows of one file. A miss costs about 2 us (60,000 names of libLLVM).
constexpr size_t kMaxCacheBytes = 64 * 1024;
constexpr size_t kEntryBytes = 64;  // of the map, beside the name itself

}  // namespace

NativeSymbols::NativeSymbols(std::shared_ptr<const SymbolTable> table) : table_(std::move(table)) {
  CHECK(table_);
}

std::string NativeSymbols::name_at(ElfAddress address) {
  const auto symbol = table_->find(address);
  if (!symbol) return {};
  if (const auto known = demangled_.find(symbol->start); known != demangled_.end()) return known->second;
  auto name = demangle(symbol->name);
  if (!name) return std::string(symbol->name);
  const size_t bytes = kEntryBytes + name->size();
  if (demangled_bytes_ + bytes > kMaxCacheBytes) {
    demangled_.clear();  // nothing here is worth the bookkeeping of a better choice
    demangled_bytes_ = 0;
  }
  demangled_bytes_ += bytes;
  return demangled_.emplace(symbol->start, std::move(*name)).first->second;
}

size_t NativeSymbols::memory_bytes() const {
  return table_->memory_bytes() + kMaxCacheBytes;
}

}  // namespace splitprof
