// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/symbol_store.h"

#include <algorithm>
#include <utility>

#include "shared/check.h"

namespace splitprof {
namespace {

// A return address is the instruction after the call, which may belong to the next function already.
uint64_t address_to_look_up(const Frame& frame) {
  return frame.return_address && frame.address > 0 ? frame.address - 1 : frame.address;
}

}  // namespace

SymbolStore::SymbolStore(size_t max_bytes) : max_bytes_(max_bytes) {}

void SymbolStore::set_kernel(KernelSymbols symbols) {
  kernel_ = std::move(symbols);
}

void SymbolStore::set_executable(uint32_t place, Module module, std::shared_ptr<const SymbolTable> table) {
  detach(place);
  const SymbolTable* key = table.get();
  executables_[place] = Executable{.module = std::move(module), .table = key};
  if (!key) return;
  const auto [entry, added] = tables_.try_emplace(key, std::move(table));
  entry->second.executables.push_back(place);
  entry->second.last_used = ++clock_;
  if (added) bytes_ += entry->second.symbols.memory_bytes();
  evict_until_it_fits();
}

void SymbolStore::remove_executable(uint32_t place) {
  detach(place);
  executables_.erase(place);
}

// Takes the executable's table from it, and drops the table when nobody else has it.
void SymbolStore::detach(uint32_t place) {
  const auto executable = executables_.find(place);
  if (executable == executables_.end()) return;
  const SymbolTable* key = std::exchange(executable->second.table, nullptr);
  if (!key) return;
  auto& users = tables_.at(key).executables;
  std::erase(users, place);
  if (users.empty()) drop(key);
}

void SymbolStore::drop(const SymbolTable* key) {
  const auto table = tables_.find(key);
  CHECK(table != tables_.end());
  // The address may be used again for another table: nobody may keep it.
  for (const uint32_t place : table->second.executables) executables_.at(place).table = nullptr;
  bytes_ -= table->second.symbols.memory_bytes();
  tables_.erase(table);
}

void SymbolStore::evict_until_it_fits() {
  while (bytes_ > max_bytes_) {
    const auto oldest = std::ranges::min_element(tables_, {}, [](const auto& entry) { return entry.second.last_used; });
    ++evicted_tables_;
    drop(oldest->first);
  }
}

const SymbolStore::Table* SymbolStore::find_table(uint32_t place) const {
  const auto executable = executables_.find(place);
  if (executable == executables_.end() || !executable->second.table) return nullptr;
  return &tables_.at(executable->second.table);
}

bool SymbolStore::has_symbols(uint32_t place) const {
  return find_table(place) != nullptr;
}

std::vector<Symbol> SymbolStore::symbolize(const Frame& frame) const {
  if (frame.kind == Frame::Kind::kernel) {
    const auto found = kernel_.find(RuntimeAddress(address_to_look_up(frame)));
    if (!found) return {};
    return {Symbol{.function = std::string(found->name)}};
  }
  if (frame.kind != Frame::Kind::native) return {};
  const Table* table = find_table(frame.place);
  if (!table) return {};
  table->last_used = ++clock_;
  std::string name = table->symbols.name_at(ElfAddress(address_to_look_up(frame)));
  if (name.empty()) return {};
  return {Symbol{.function = std::move(name)}};
}

Module SymbolStore::module(const Frame& frame) const {
  if (frame.kind == Frame::Kind::kernel) {
    const auto found = kernel_.find(RuntimeAddress(address_to_look_up(frame)));
    if (!found || found->module.empty()) return Module{.path = "[kernel]"};
    return Module{.path = "[" + std::string(found->module) + "]"};
  }
  if (frame.kind != Frame::Kind::native) return {};
  const auto executable = executables_.find(frame.place);
  return executable == executables_.end() ? Module{} : executable->second.module;
}

}  // namespace splitprof
