// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <tuple>

#include "processor/elf/bytes.h"
#include "processor/elf/dynamic.h"

namespace splitprof {
namespace {

constexpr size_t kSymbolsPerRead = 4096;    // 96 KiB of a symbol section at a time
constexpr size_t kMaxSymbols = 4u << 20;    // functions of one file; Chrome's unstripped binary has about 1 M
constexpr size_t kMaxNameBytes = 16 << 10;  // C++ templates reach several thousand; longer names are cut
constexpr size_t kNameBytesPerRead = 256;   // most names of C++ are shorter
constexpr int kMaxEnclosing = 16;           // functions inside one another that `find` looks through
constexpr uint32_t kSecondStrings = 1u << 31;

// A function as a symbol section has it, before one of those that share an address is chosen.
struct Candidate {
  uint64_t start = 0;
  uint64_t size = 0;   // 0: unsized, `limit` says how far it may reach
  uint64_t limit = 0;  // end of its section, or of its segment
  uint32_t name = 0;
  uint8_t rank = 0;  // binding: 2 global, 1 weak, 0 local
};

uint8_t rank_of(unsigned char info) {
  switch (ELF64_ST_BIND(info)) {
    case STB_GLOBAL:
    case STB_GNU_UNIQUE:
      return 2;
    case STB_WEAK:
      return 1;
    default:
      return 0;
  }
}

// arm64's marks of code and data inside a section: `$x`, `$d`, and the same with a suffix after a dot.
bool mapping_symbol(std::string_view name) {
  return name.size() >= 2 && name[0] == '$' && (name[1] == 'x' || name[1] == 'd') &&
         (name.size() == 2 || name[2] == '.');
}

}  // namespace

class SymbolTableBuilder {
 public:
  explicit SymbolTableBuilder(const ElfFile& file) : file_(file) {}

  Result<> add(const Section& symbols);
  Result<> add(const DynamicSymbols& symbols);
  SymbolTable finish();

 private:
  Result<> add(FileOffset symbols, uint64_t count, SymbolTable::Strings strings);
  void add(const Elf64_Sym& symbol);
  // How far code at `address` may reach; nothing where no code can be.
  std::optional<uint64_t> limit_of(const Elf64_Sym& symbol) const;
  bool append(const Candidate& candidate, uint64_t size);

  const ElfFile& file_;
  uint32_t source_ = 0;           // which string table the symbols at hand use
  std::vector<std::byte> names_;  // its contents
  uint32_t sources_ = 0;
  std::vector<Candidate> candidates_;
  SymbolTable table_;
};

Result<> SymbolTableBuilder::add(const Section& symbols) {
  if (symbols.type == SHT_NOBITS) return Ok{};  // as in a separate debug file
  if (symbols.compressed()) return fail(Errc::unsupported, "{} is compressed", symbols.name);
  const auto sections = file_.sections();
  if (symbols.link >= sections.size()) return fail(Errc::malformed, "{} has no string table", symbols.name);
  const Section& strings = sections[symbols.link];
  if (strings.type == SHT_NOBITS || strings.compressed())
    return fail(Errc::unsupported, "the string table of {} is not in the file", symbols.name);
  return add(symbols.offset, symbols.size / sizeof(Elf64_Sym), {strings.offset, strings.size});
}

Result<> SymbolTableBuilder::add(const DynamicSymbols& symbols) {
  return add(symbols.symbols, symbols.count, {symbols.strings, symbols.strings_size});
}

Result<> SymbolTableBuilder::add(FileOffset symbols, uint64_t count, SymbolTable::Strings strings) {
  if (count * sizeof(Elf64_Sym) > ElfFile::kMaxSectionBytes || strings.size > ElfFile::kMaxSectionBytes)
    return fail(Errc::too_large, "{} symbols with {} bytes of names", count, strings.size);
  const uint64_t bytes = count * sizeof(Elf64_Sym);
  if (symbols.value + bytes < symbols.value || strings.offset.value + strings.size < strings.offset.value)
    return fail(Errc::malformed, "symbols at {:#x} wrap round", symbols.value);
  source_ = sources_++;
  table_.strings_[source_] = strings;
  const uint64_t file_size = file_.size();
  if (strings.offset.value > file_size || strings.size > file_size - strings.offset.value)
    return fail(Errc::truncated, "the file ends inside a string table");
  names_.resize(strings.size);
  TRY(file_.read_exactly(strings.offset, names_));
  std::vector<Elf64_Sym> piece;
  uint64_t offset = symbols.value;
  for (uint64_t left = count; left > 0; left -= piece.size()) {
    piece.resize(std::min<uint64_t>(left, kSymbolsPerRead));
    const auto into = std::as_writable_bytes(std::span(piece));
    TRY(file_.read_exactly(FileOffset(offset), into));
    for (const Elf64_Sym& symbol : piece) add(symbol);
    offset += into.size();
  }
  return Ok{};
}

std::optional<uint64_t> SymbolTableBuilder::limit_of(const Elf64_Sym& symbol) const {
  if (file_.sections().empty()) {
    for (const Segment& segment : file_.segments())
      if (segment.executable && symbol.st_value - segment.address.value < segment.memory_size)
        return segment.address.value + segment.memory_size;
    return std::nullopt;
  }
  if (symbol.st_shndx >= file_.sections().size()) {
    // A number, not a place.
    return ELF64_ST_TYPE(symbol.st_info) == STT_NOTYPE ? std::nullopt : std::optional(UINT64_MAX);
  }
  const Section& section = file_.sections()[symbol.st_shndx];
  if (!section.executable()) return std::nullopt;
  const uint64_t into_section = symbol.st_value - section.address.value;
  if (symbol.st_value < section.address.value || into_section >= section.size) return std::nullopt;  // like `_etext`
  return section.address.value + section.size;
}

void SymbolTableBuilder::add(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)) return;
  const auto limit = limit_of(symbol);
  if (!limit) return;
  if (symbol.st_name >= names_.size() || candidates_.size() >= kMaxSymbols) {
    ++table_.dropped_;
    return;
  }
  const char* name = reinterpret_cast<const char*>(names_.data()) + symbol.st_name;
  const std::string_view first(name, strnlen(name, std::min<size_t>(names_.size() - symbol.st_name, 3)));
  if (first.empty() || (type == STT_NOTYPE && mapping_symbol(first))) return;
  candidates_.push_back({.start = symbol.st_value,
                         .size = symbol.st_size,
                         .limit = *limit,
                         .name = symbol.st_name | (source_ == 0 ? 0 : kSecondStrings),
                         .rank = rank_of(symbol.st_info)});
}

bool SymbolTableBuilder::append(const Candidate& candidate, uint64_t size) {
  const uint64_t offset = candidate.start - table_.base_;
  if (offset > UINT32_MAX) return false;
  table_.starts_.push_back(static_cast<uint32_t>(offset));
  table_.sizes_.push_back(static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX)));
  table_.names_.push_back(candidate.name);
  return true;
}

SymbolTable SymbolTableBuilder::finish() {
  std::stable_sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.start, a.size == 0, -a.rank) < std::tuple(b.start, b.size == 0, -b.rank);
  });
  if (!candidates_.empty()) table_.base_ = candidates_.front().start;
  uint64_t sized_end = 0;  // where the sized functions so far end
  for (size_t i = 0; i < candidates_.size();) {
    const Candidate& best = candidates_[i];
    while (i < candidates_.size() && candidates_[i].start == best.start) ++i;
    uint64_t size = best.size;
    if (size == 0) {
      if (best.start < sized_end) continue;  // a label inside a function
      const uint64_t next = i < candidates_.size() ? candidates_[i].start : UINT64_MAX;
      size = std::min(next, best.limit) - best.start;
    } else if (best.start + size >= best.start) {
      sized_end = std::max(sized_end, best.start + size);
    }
    if (!append(best, size)) ++table_.dropped_;
  }
  table_.starts_.shrink_to_fit();
  table_.sizes_.shrink_to_fit();
  table_.names_.shrink_to_fit();
  return std::move(table_);
}

std::optional<FoundSymbol> SymbolTable::find(ElfAddress address) const {
  if (starts_.empty() || address.value < base_ || address.value - base_ > UINT32_MAX) return std::nullopt;
  const uint32_t offset = static_cast<uint32_t>(address.value - base_);
  size_t i = static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), offset) - starts_.begin());
  // The last one that begins before it is the innermost; when it has ended, one that begins earlier may still go on.
  for (int tries = 0; i > 0 && tries < kMaxEnclosing; ++tries) {
    --i;
    if (offset - starts_[i] < sizes_[i]) return at(i);
  }
  return std::nullopt;
}

FoundSymbol SymbolTable::at(size_t index) const {
  return {.start = ElfAddress(base_ + starts_[index]), .size = sizes_[index], .name = names_[index]};
}

Result<std::string> SymbolTable::read_name(const ElfFile& file, const FoundSymbol& symbol) const {
  const Strings& strings = strings_[(symbol.name & kSecondStrings) != 0];
  const uint64_t offset = symbol.name & ~kSecondStrings;
  if (offset >= strings.size) return fail(Errc::malformed, "a name outside its string table");
  const size_t longest = std::min<uint64_t>(strings.size - offset, kMaxNameBytes);
  std::string name;
  while (name.size() < longest) {
    const size_t before = name.size();
    name.resize(std::min(longest, before == 0 ? kNameBytesPerRead : before * 4));
    const auto piece = std::span(name).subspan(before);
    TRY(file.read_exactly(FileOffset(strings.offset.value + offset + before), std::as_writable_bytes(piece)));
    if (const size_t end = name.find('\0', before); end != name.npos) {
      name.resize(end);
      return name;
    }
  }
  return name;  // cut
}

size_t SymbolTable::memory_bytes() const {
  return (starts_.capacity() + sizes_.capacity() + names_.capacity()) * sizeof(uint32_t);
}

Result<SymbolTable> read_symbols(const ElfFile& file) {
  SymbolTableBuilder builder(file);
  bool sections = false;
  for (const uint32_t type : {uint32_t{SHT_SYMTAB}, uint32_t{SHT_DYNSYM}}) {
    const Section* symbols = file.find_section_of_type(type);
    if (symbols == nullptr) continue;
    sections = true;
    TRY(builder.add(*symbols));
  }
  if (!sections) {
    const auto dynamic = find_dynamic_symbols(file);
    if (dynamic)
      TRY(builder.add(*dynamic));
    else if (dynamic.error().code != Errc::not_found)
      return std::move(dynamic.error());
  }
  return builder.finish();
}

}  // namespace splitprof
