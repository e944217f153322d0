// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/file_symbols.h"

#include <elf.h>

#include <algorithm>
#include <unordered_map>

#include "processor/dwarf/debug_info.h"
#include "processor/elf/go_lines.h"
#include "processor/symbols/demangle.h"

namespace splitprof {
namespace {

bool has_dwarf(const ElfFile& file) {
  const Section* section = file.find_section(".debug_info");
  return section != nullptr && section->type != SHT_NOBITS;
}

}  // namespace

Result<Inspected> inspect(ReadableFile& mapped) {
  Inspected found;
  const auto elf = TRY(ElfFile::open(mapped));
  found.build_id = elf.build_id();
  found.debug_link = read_debug_link(elf);
  found.wants_debug_file = !has_dwarf(elf) && (found.debug_link || !found.build_id.empty());
  found.alternate_link = read_alternate_link(elf);
  return found;
}

Result<std::optional<AlternateLink>> accept_debug_file(ReadableFile& mapped, const Inspected& inspected,
                                                       ReadableFile& debug) {
  const auto elf = TRY(ElfFile::open(mapped));
  const auto debug_elf = TRY(ElfFile::open(debug));
  if (!is_debug_file_of(elf, inspected.debug_link, debug, debug_elf))
    return fail(Errc::malformed, "a debug file of another executable");
  return read_alternate_link(debug_elf);
}

bool accept_alternate_file(const AlternateLink& link, ReadableFile& alternate) {
  const auto elf = ElfFile::open(alternate);
  return elf && !link.build_id.empty() && elf->build_id() == link.build_id;
}

size_t SymbolIndex::memory_bytes() const {
  return mapped_.memory_bytes() + embedded_.memory_bytes() + debug_.memory_bytes();
}

// One batch.
class FileSymbols {
 public:
  static Result<Resolved> resolve(const SymbolFiles& files, std::shared_ptr<const SymbolIndex> index,
                                  const std::vector<ElfAddress>& addresses) {
    FileSymbols batch;
    batch.mapped_.emplace(TRY(ElfFile::open(*files.mapped)));
    batch.open(batch.debug_, files.debug);
    batch.open(batch.alternate_, files.alternate);
    if (index == nullptr) index = batch.make_index();
    batch.index_ = std::move(index);
    batch.chains_.resize(addresses.size());
    batch.add_dwarf(addresses);
    batch.add_go(addresses);
    batch.add_symbols(addresses);
    return batch.finish(addresses);
  }

 private:
  void note(const Error& error) {
    if (problem_.empty() && error.code != Errc::not_found) problem_ = error.message;
  }

  void open(std::optional<ElfFile>& into, ReadableFile* file) {
    if (file == nullptr) return;
    auto elf = ElfFile::open(*file);
    if (elf)
      into.emplace(std::move(*elf));
    else
      note(elf.error());
  }

  const ElfFile* embedded() {
    if (embedded_ || embedded_broken_) return embedded_ ? &*embedded_ : nullptr;
    embedded_broken_ = true;
    auto unpacked = read_gnu_debugdata(*mapped_);
    if (!unpacked) return note(unpacked.error()), nullptr;
    embedded_file_ = std::move(*unpacked);
    open(embedded_, embedded_file_.get());
    return embedded_ ? &*embedded_ : nullptr;
  }

  std::shared_ptr<const SymbolIndex> make_index() {
    auto made = std::make_shared<SymbolIndex>();
    const auto fill = [&](SymbolTable& table, const ElfFile& file) {
      auto read = read_symbols(file);
      if (read)
        table = std::move(*read);
      else
        note(read.error());
    };
    fill(made->mapped_, *mapped_);
    if (mapped_->find_section_of_type(SHT_SYMTAB) != nullptr) return made;  // no other table has more
    if (const ElfFile* inside = embedded()) fill(made->embedded_, *inside);
    if (debug_) fill(made->debug_, *debug_);
    return made;
  }

  void add_dwarf(const std::vector<ElfAddress>& addresses) {
    const ElfFile* file = has_dwarf(*mapped_) ? &*mapped_ : debug_ ? &*debug_ : nullptr;
    if (file == nullptr) return;
    auto info = DebugInfo::open(*file, alternate_ ? &*alternate_ : nullptr);
    if (!info) return note(info.error());
    const auto located = info->locate(addresses, [&](ElfAddress address, std::span<const SourceFrame> frames) {
      const auto at = std::lower_bound(addresses.begin(), addresses.end(), address);
      if (at == addresses.end() || *at != address) return;
      auto& chain = chains_[static_cast<size_t>(at - addresses.begin())];
      chain.clear();
      for (const SourceFrame& frame : frames)
        chain.push_back({.function = readable(frame.function),
                         .file = std::string(frame.file),
                         .line = frame.line,
                         .inlined = frame.inlined});
    });
    if (!located) note(located.error());
    if (problem_.empty()) problem_ = info->counts().problem;
  }

  void add_go(const std::vector<ElfAddress>& addresses) {
    if (std::none_of(chains_.begin(), chains_.end(), [](const auto& chain) { return chain.empty(); })) return;
    auto lines = GoLines::open(*mapped_);
    if (!lines) return note(lines.error());
    for (size_t i = 0; i < addresses.size(); ++i) {
      if (!chains_[i].empty()) continue;
      const auto frames = lines->locate(addresses[i]);
      if (!frames) {
        note(frames.error());
        continue;
      }
      for (const GoFrame& frame : *frames)
        chains_[i].push_back({.function = std::string(frame.function),
                              .file = std::string(frame.file),
                              .line = frame.line,
                              .inlined = frame.inlined});
    }
  }

  // A symbol names the outermost function better than DWARF does, which knows nothing of clones and aliases.
  void add_symbols(const std::vector<ElfAddress>& addresses) {
    for (size_t i = 0; i < addresses.size(); ++i) {
      auto name = symbol_name(addresses[i]);
      if (name.empty()) continue;
      if (chains_[i].empty()) chains_[i].emplace_back();
      chains_[i].back().function = std::move(name);
    }
  }

  // Of the tables that know the address, the one whose function begins nearest to it.
  std::string symbol_name(ElfAddress address) {
    const SymbolTable* best = nullptr;
    FoundSymbol symbol;
    for (const SymbolTable* table : {&index_->mapped(), &index_->embedded(), &index_->debug()}) {
      const auto found = table->find(address);
      if (!found || (best != nullptr && found->start <= symbol.start)) continue;
      best = table;
      symbol = *found;
    }
    if (best == nullptr) return {};
    auto& known = names_[{best, symbol.start}];
    if (known) return *known;
    known.emplace();
    const ElfFile* file = best == &index_->mapped()     ? &*mapped_
                          : best == &index_->embedded() ? embedded()
                          : debug_                      ? &*debug_
                                                        : nullptr;
    if (file == nullptr) return {};
    const auto raw = best->read_name(*file, symbol);
    if (!raw)
      note(raw.error());
    else
      known = readable(*raw);
    return *known;
  }

  // Demangled, if it is mangled.
  std::string readable(std::string_view raw) {
    if (!may_be_mangled(raw)) return std::string(raw);
    const auto [entry, is_new] = demangled_.try_emplace(std::string(raw));
    if (is_new) entry->second = demangle(raw).value_or(std::string(raw));
    return entry->second;
  }

  Resolved finish(const std::vector<ElfAddress>& addresses) {
    Resolved made{.index = std::move(index_), .problem = std::move(problem_)};
    made.names.places.reserve(addresses.size());
    for (size_t i = 0; i < addresses.size(); ++i) {
      auto& chain = chains_[i];
      made.names.places.push_back({.address = addresses[i].value,
                                   .first = static_cast<uint32_t>(made.names.symbols.size()),
                                   .count = static_cast<uint32_t>(chain.size())});
      for (Symbol& symbol : chain) made.names.symbols.push_back(std::move(symbol));
    }
    return made;
  }

  struct NameKey {
    const SymbolTable* table;
    ElfAddress start;
    friend bool operator==(const NameKey&, const NameKey&) = default;
  };
  struct HashNameKey {
    size_t operator()(const NameKey& key) const { return std::hash<const void*>()(key.table) ^ key.start.value; }
  };

  std::optional<ElfFile> mapped_, debug_, alternate_, embedded_;
  std::unique_ptr<MemoryFile> embedded_file_;
  bool embedded_broken_ = false;
  std::shared_ptr<const SymbolIndex> index_;
  std::vector<std::vector<Symbol>> chains_;  // of each address
  std::unordered_map<NameKey, std::optional<std::string>, HashNameKey> names_;
  std::unordered_map<std::string, std::string> demangled_;
  std::string problem_;
};

Result<Resolved> resolve_names(const SymbolFiles& files, std::shared_ptr<const SymbolIndex> index,
                               const std::vector<ElfAddress>& addresses) {
  return FileSymbols::resolve(files, std::move(index), addresses);
}

}  // namespace splitprof
