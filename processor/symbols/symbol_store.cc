// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/symbol_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bpf/abi.h"

namespace splitprof {
namespace {

// Of a text: a node of a hash map with its string, the allocator's header, its share of the buckets, its place in a
// list.
constexpr size_t kTextBytes = sizeof(std::string) + 48;
constexpr size_t kInlineTextBytes = 15;  // that a std::string holds without memory of its own

bool is_interpreted(Frame::Kind kind) {
  switch (kind) {
#define SP_RUNTIME(number, name, type) case Frame::Kind::name:
#include "bpf/runtimes.def"
#undef SP_RUNTIME
    return true;
    default:
      return false;
  }
}

const char* type_of(Frame::Kind kind) {
  switch (kind) {
#define SP_RUNTIME(number, name, type) \
  case Frame::Kind::name:              \
    return type;
#include "bpf/runtimes.def"
#undef SP_RUNTIME
    default:
      return "";
  }
}

}  // namespace

// Everything that is known of one executable. Texts once each; twelve bytes a function of an address.
struct SymbolStore::Names {
  struct Function {
    uint32_t name = 0, file = 0;  // of texts
    uint32_t line : 31 = 0;
    uint32_t inlined : 1 = 0;
  };
  struct Place {
    uint64_t address = 0;
    uint32_t first = 0, count = 0;  // of functions
  };

  uint32_t intern(const std::string& text) {
    const auto [entry, is_new] = text_numbers.try_emplace(text, static_cast<uint32_t>(texts.size()));
    if (is_new) {
      texts.push_back(&entry->first);  // stays where it is
      bytes += kTextBytes + (text.size() > kInlineTextBytes ? text.size() : 0);
    }
    return entry->second;
  }

  const Place* find(uint64_t address) const {
    const auto found = std::lower_bound(places.begin(), places.end(), address,
                                        [](const Place& place, uint64_t wanted) { return place.address < wanted; });
    return found == places.end() || found->address != address ? nullptr : &*found;
  }

  void add(const ResolvedNames& names) {
    const auto known = static_cast<ptrdiff_t>(places.size());
    for (const auto& place : names.places) {
      const auto end = places.begin() + known;
      const auto before = std::lower_bound(places.begin(), end, place.address,
                                           [](const Place& p, uint64_t wanted) { return p.address < wanted; });
      if (before != end && before->address == place.address) continue;
      places.push_back({place.address, static_cast<uint32_t>(functions.size()), place.count});
      bytes += sizeof(Place) + place.count * sizeof(Function);
      for (uint32_t i = 0; i < place.count; ++i) {
        const Symbol& symbol = names.symbols[place.first + i];
        functions.push_back({.name = intern(symbol.function),
                             .file = intern(symbol.file),
                             .line = std::min(symbol.line, 0x7fffffffu),
                             .inlined = symbol.inlined});
      }
    }
    std::inplace_merge(places.begin(), places.begin() + known, places.end(),
                       [](const Place& a, const Place& b) { return a.address < b.address; });
  }

  std::unordered_map<std::string, uint32_t> text_numbers;
  std::vector<const std::string*> texts;
  std::vector<Function> functions;
  std::vector<Place> places;  // by address
  std::shared_ptr<const SymbolIndex> index;
  size_t bytes = 0;
  uint64_t last_used = 0;  // of clock_
};

SymbolStore::SymbolStore(size_t max_bytes) : max_bytes_(max_bytes) {}
SymbolStore::~SymbolStore() = default;

void SymbolStore::set_kernel(KernelSymbols symbols) {
  kernel_ = std::move(symbols);
}

void SymbolStore::set_module(uint32_t place, Module module) {
  executables_[place].module = std::move(module);
}

SymbolStore::Names* SymbolStore::names_of(uint32_t place) const {
  const auto executable = executables_.find(place);
  if (executable == executables_.end() || executable->second.names == nullptr) return nullptr;
  Names* names = executable->second.names.get();
  names->last_used = ++clock_;
  return names;
}

bool SymbolStore::knows(uint32_t place, uint64_t address) const {
  const Names* names = names_of(place);
  return names != nullptr && names->find(address) != nullptr;
}

std::shared_ptr<const SymbolIndex> SymbolStore::index(uint32_t place) const {
  const Names* names = names_of(place);
  return names == nullptr ? nullptr : names->index;
}

void SymbolStore::add(uint32_t place, const ResolvedNames& names, std::shared_ptr<const SymbolIndex> index) {
  Executable& executable = executables_[place];
  if (executable.names == nullptr) executable.names = std::make_unique<Names>();
  Names& kept = *executable.names;
  bytes_ -= kept.bytes;
  kept.add(names);
  bytes_ += kept.bytes;
  kept.last_used = ++clock_;
  if (kept.index == nullptr && index != nullptr) kept.index = share(std::move(index));
  evict_until_it_fits(executable);
}

// The same index, or an equal one that an executable has already.
std::shared_ptr<const SymbolIndex> SymbolStore::share(std::shared_ptr<const SymbolIndex> index) {
  const auto [first, last] = indexes_.equal_range(index->size());
  for (auto entry = first; entry != last; ++entry)
    if (auto known = entry->second.lock(); known != nullptr && *known == *index) return known;
  indexes_.emplace(index->size(), index);
  bytes_ += index->memory_bytes();
  return index;
}

void SymbolStore::forget(Executable& executable) {
  const std::unique_ptr<Names> gone = std::move(executable.names);
  bytes_ -= gone->bytes;
  if (gone->index == nullptr) return;
  // A worker may have it as well; it goes as soon as that is done.
  for (const auto& [place, other] : executables_)
    if (other.names != nullptr && other.names->index == gone->index) return;
  bytes_ -= gone->index->memory_bytes();
  const auto [first, last] = indexes_.equal_range(gone->index->size());
  for (auto entry = first; entry != last; ++entry)
    if (entry->second.lock() == gone->index) return void(indexes_.erase(entry));
}

// What was just handed in stays, even if it is too large: something waits for it.
void SymbolStore::evict_until_it_fits(const Executable& but) {
  while (bytes_ > max_bytes_) {
    Executable* oldest = nullptr;
    for (auto& [place, executable] : executables_)
      if (&executable != &but && executable.names != nullptr &&
          (oldest == nullptr || executable.names->last_used < oldest->names->last_used))
        oldest = &executable;
    if (oldest == nullptr) return;
    ++evicted_;
    forget(*oldest);
  }
}

std::vector<Symbol> SymbolStore::symbolize(const Frame& frame) const {
  if (frame.kind == Frame::Kind::kernel) {
    const auto found = kernel_.find(RuntimeAddress(address_to_look_up(frame)));
    if (!found) return {};
    return {Symbol{.function = std::string(found->name)}};
  }
  if (is_interpreted(frame.kind)) return symbolize_interpreted(frame);
  if (frame.kind != Frame::Kind::native) return {};
  const Names* names = names_of(frame.place);
  if (names == nullptr) return {};
  const auto* place = names->find(address_to_look_up(frame));
  if (place == nullptr) return {};
  std::vector<Symbol> symbols;
  for (uint32_t i = 0; i < place->count; ++i) {
    const auto& function = names->functions[place->first + i];
    symbols.push_back({.function = *names->texts[function.name],
                       .file = *names->texts[function.file],
                       .line = function.line,
                       .inlined = function.inlined != 0});
  }
  return symbols;
}

std::vector<Symbol> SymbolStore::symbolize_interpreted(const Frame& frame) const {
  if (const char* why = function_error_text(frame.place); why != nullptr)
    return {Symbol{.function = fmt::format("[{}: {}]", type_of(frame.kind), why)}};
  const auto* function = functions_ == nullptr ? nullptr : functions_->find(frame.place);
  if (function == nullptr) return {};
  return {Symbol{.function = function->name,
                 .file = function->file,
                 .line = static_cast<uint32_t>(frame.address),
                 .inlined = false}};
}

Module SymbolStore::module(const Frame& frame) const {
  if (frame.kind == Frame::Kind::kernel) {
    const auto found = kernel_.find(RuntimeAddress(address_to_look_up(frame)));
    if (!found) return Module{.path = "[kernel]", .start = kernel_.start().value};
    const auto name = found->module.empty() ? "[kernel]" : "[" + std::string(found->module) + "]";
    return Module{.path = name, .start = found->module_start.value};
  }
  if (is_interpreted(frame.kind)) return Module{.path = fmt::format("[{}]", type_of(frame.kind))};
  if (frame.kind != Frame::Kind::native) return {};
  const auto executable = executables_.find(frame.place);
  return executable == executables_.end() ? Module{} : executable->second.module;
}

}  // namespace splitprof
