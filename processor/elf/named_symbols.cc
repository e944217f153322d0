// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/named_symbols.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "processor/elf/dynamic.h"

namespace splitprof {
namespace {

constexpr uint32_t kMaxChain = 4096;             // symbols of one bucket; linkers make buckets of a few symbols each
constexpr uint64_t kMaxNamesBytes = 256u << 20;  // of a string section; Chrome's unstripped binary has some 150 MB
constexpr size_t kNamesPerRead = 1 << 20;        // bytes
constexpr size_t kSymbolsPerRead = 4096;
constexpr size_t kMaxPlaces = 64;  // where one name stands in a string section; linkers keep equal names once

template <typename T>
Result<T> read_at(const ElfFile& file, uint64_t offset) {
  T value;
  TRY(file.read_exactly(FileOffset(offset), std::as_writable_bytes(std::span(&value, 1))));
  return value;
}

std::optional<NamedSymbol> to_named(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || type == STT_TLS || symbol.st_value == 0) return std::nullopt;
  return NamedSymbol{.address = ElfAddress(symbol.st_value), .size = symbol.st_size, .is_function = type == STT_FUNC};
}

// https://flapenguin.me/elf-dt-gnu-hash: Bernstein's.
uint32_t gnu_hash(std::string_view name) {
  uint32_t hash = 5381;
  for (const char c : name) hash = hash * 33 + static_cast<uint8_t>(c);
  return hash;
}

// System V ABI, chapter 5, "Hash Table".
uint32_t old_hash(std::string_view name) {
  uint32_t hash = 0;
  for (const char c : name) {
    hash = (hash << 4) + static_cast<uint8_t>(c);
    const uint32_t high = hash & 0xf0000000;
    hash = (hash ^ (high >> 24)) & ~high;
  }
  return hash;
}

class ExportedSymbols {
 public:
  ExportedSymbols(const ElfFile& file, const DynamicTables& tables) : file_(file), tables_(tables) {}
  Result<> open();
  Result<std::optional<NamedSymbol>> find(std::string_view name) const {
    return tables_.gnu_hash ? find_by_gnu_hash(name) : find_by_old_hash(name);
  }

 private:
  Result<std::optional<NamedSymbol>> find_by_gnu_hash(std::string_view name) const;
  Result<std::optional<NamedSymbol>> find_by_old_hash(std::string_view name) const;
  // Nothing: another name, or not defined.
  Result<std::optional<NamedSymbol>> symbol_if_called(uint32_t number, std::string_view name) const;

  const ElfFile& file_;
  const DynamicTables& tables_;
  uint64_t symbols_ = 0, strings_ = 0, hash_ = 0;  // offsets in the file
  GnuHashHeader header_{};
  uint32_t old_buckets_ = 0;
};

Result<> ExportedSymbols::open() {
  symbols_ = TRY(file_.offset_of(tables_.symbols)).value;
  strings_ = TRY(file_.offset_of(tables_.strings)).value;
  hash_ = TRY(file_.offset_of(tables_.gnu_hash ? *tables_.gnu_hash : *tables_.hash)).value;
  if (tables_.gnu_hash) {
    header_ = TRY(read_at<GnuHashHeader>(file_, hash_));
    if (header_.buckets == 0 || header_.bloom_words == 0) return fail(Errc::malformed, "an empty hash table");
  } else {
    old_buckets_ = TRY(read_at<uint32_t>(file_, hash_));
    if (old_buckets_ == 0) return fail(Errc::malformed, "an empty hash table");
  }
  return Ok{};
}

Result<std::optional<NamedSymbol>> ExportedSymbols::find_by_gnu_hash(std::string_view name) const {
  const uint32_t hash = gnu_hash(name);
  const uint64_t bloom = hash_ + sizeof(GnuHashHeader);
  const auto word = TRY(read_at<uint64_t>(file_, bloom + uint64_t{hash / 64 % header_.bloom_words} * 8));
  const uint64_t both = uint64_t{1} << (hash % 64) | uint64_t{1} << ((hash >> (header_.bloom_shift % 32)) % 64);
  if ((word & both) != both) return std::optional<NamedSymbol>();
  const uint64_t buckets = bloom + uint64_t{header_.bloom_words} * 8;
  const uint64_t hashes = buckets + uint64_t{header_.buckets} * 4;
  uint32_t number = TRY(read_at<uint32_t>(file_, buckets + uint64_t{hash % header_.buckets} * 4));
  if (number < header_.first_symbol) return std::optional<NamedSymbol>();  // an empty bucket
  for (uint32_t left = kMaxChain; left > 0; --left, ++number) {
    const auto own = TRY(read_at<uint32_t>(file_, hashes + uint64_t{number - header_.first_symbol} * 4));
    if ((own | 1) == (hash | 1)) {
      const auto found = TRY(symbol_if_called(number, name));
      if (found) return found;
    }
    if ((own & 1) != 0) return std::optional<NamedSymbol>();  // the chain's last one
  }
  return fail(Errc::malformed, "a hash chain without an end");
}

Result<std::optional<NamedSymbol>> ExportedSymbols::find_by_old_hash(std::string_view name) const {
  const uint64_t buckets = hash_ + 8;
  const uint64_t chains = buckets + uint64_t{old_buckets_} * 4;
  uint32_t number = TRY(read_at<uint32_t>(file_, buckets + uint64_t{old_hash(name) % old_buckets_} * 4));
  for (uint32_t left = kMaxChain; left > 0; --left) {
    if (number == STN_UNDEF) return std::optional<NamedSymbol>();
    const auto found = TRY(symbol_if_called(number, name));
    if (found) return found;
    number = TRY(read_at<uint32_t>(file_, chains + uint64_t{number} * 4));
  }
  return fail(Errc::malformed, "a hash chain without an end");
}

Result<std::optional<NamedSymbol>> ExportedSymbols::symbol_if_called(uint32_t number, std::string_view name) const {
  const auto symbol = TRY(read_at<Elf64_Sym>(file_, symbols_ + uint64_t{number} * sizeof(Elf64_Sym)));
  const uint64_t bytes = name.size() + 1;
  if (symbol.st_name > tables_.strings_size || bytes > tables_.strings_size - symbol.st_name)
    return std::optional<NamedSymbol>();
  std::string own(bytes, '\0');
  TRY(file_.read_exactly(FileOffset(strings_ + symbol.st_name), std::as_writable_bytes(std::span(own))));
  if (std::string_view(own.data(), name.size()) != name || own.back() != '\0') return std::optional<NamedSymbol>();
  return to_named(symbol);
}

// Where `name` stands in a string section, with the zero that ends it; also at the end of a longer name.
Result<std::vector<uint32_t>> find_text(const ElfFile& file, const Section& strings, std::string_view name) {
  const std::string wanted = std::string(name) + '\0';
  std::vector<uint32_t> places;
  std::string piece;
  for (uint64_t offset = 0; strings.size - offset >= wanted.size();) {
    piece.resize(std::min<uint64_t>(strings.size - offset, kNamesPerRead));
    TRY(file.read_section_at(strings, offset, std::as_writable_bytes(std::span(piece))));
    for (size_t at = 0; (at = piece.find(wanted, at)) != piece.npos; ++at)
      if (places.size() < kMaxPlaces) places.push_back(static_cast<uint32_t>(offset + at));
    if (offset + piece.size() == strings.size) break;
    offset += piece.size() - wanted.size() + 1;  // a name may lie across the cut
  }
  return places;
}

}  // namespace

Result<NamedSymbols> find_exported(const ElfFile& file, std::span<const std::string_view> names) {
  NamedSymbols found(names.size());
  const auto tables = read_dynamic_tables(file);
  if (!tables && tables.error().code == Errc::not_found) return found;
  if (!tables) return tables.error();
  ExportedSymbols symbols(file, *tables);
  TRY(symbols.open());
  for (size_t i = 0; i < names.size(); ++i) found[i] = TRY(symbols.find(names[i]));
  return found;
}

Result<NamedSymbols> find_in_symtab(const ElfFile& file, std::span<const std::string_view> names) {
  NamedSymbols found(names.size());
  const Section* symbols = file.find_section_of_type(SHT_SYMTAB);
  if (symbols == nullptr || symbols->compressed() || symbols->link >= file.sections().size()) return found;
  const Section& strings = file.sections()[symbols->link];
  if (strings.type != SHT_STRTAB || strings.compressed() || strings.size > kMaxNamesBytes) return found;
  std::unordered_map<uint32_t, size_t> wanted;  // place of a name's text, and which of `names` it is
  for (size_t i = 0; i < names.size(); ++i) {
    for (const uint32_t place : TRY(find_text(file, strings, names[i]))) wanted.emplace(place, i);
    if (i == 0 && wanted.empty()) return found;
  }
  std::vector<Elf64_Sym> piece;
  const uint64_t count = symbols->size / sizeof(Elf64_Sym);
  for (uint64_t first = 0; first < count; first += piece.size()) {
    piece.resize(std::min<uint64_t>(count - first, kSymbolsPerRead));
    TRY(file.read_section_at(*symbols, first * sizeof(Elf64_Sym), std::as_writable_bytes(std::span(piece))));
    for (const Elf64_Sym& symbol : piece) {
      const auto name = wanted.find(symbol.st_name);
      if (name != wanted.end() && !found[name->second]) found[name->second] = to_named(symbol);
    }
  }
  if (!names.empty() && !found[0]) found.assign(names.size(), std::nullopt);
  return found;
}

}  // namespace splitprof
