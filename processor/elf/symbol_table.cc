// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <tuple>

#include "processor/elf/bytes.h"

namespace splitprof {
namespace {

constexpr size_t kSymbolsPerRead = 4096;      // 96 KiB of a symbol section at a time
constexpr size_t kMaxSymbols = 4u << 20;      // functions of one file; Chrome's unstripped binary has about 1 M
constexpr size_t kMaxNameBytes = 16 << 10;    // C++ templates reach several thousand; longer names are cut
constexpr size_t kMaxPoolBytes = 256u << 20;  // all names of one table
constexpr int kMaxEnclosing = 16;             // functions inside one another that `find` looks through

// A function as a symbol section has it, before one of those that share an address is chosen.
struct Candidate {
  uint64_t start = 0;
  uint64_t size = 0;   // 0: unsized, `limit` says how far it may reach
  uint64_t limit = 0;  // end of its section, or of its segment
  std::string_view name;
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
  SymbolTable finish();

 private:
  void add(const Elf64_Sym& symbol, const std::vector<std::byte>& names);
  bool append(const Candidate& candidate, uint64_t size);

  const ElfFile& file_;
  std::vector<std::vector<std::byte>> string_tables_;  // what the candidates' names point into
  std::vector<Candidate> candidates_;
  size_t name_bytes_ = 0;  // of all candidates: many symbols may share one long name
  SymbolTable table_;
};

Result<> SymbolTableBuilder::add(const Section& symbols) {
  if (symbols.type == SHT_NOBITS) return Ok{};
  if (symbols.size > ElfFile::kMaxSectionBytes)
    return fail(Errc::too_large, "{} has {} bytes", symbols.name, symbols.size);
  const auto sections = file_.sections();
  if (symbols.link >= sections.size()) return fail(Errc::malformed, "{} has no string table", symbols.name);
  string_tables_.push_back(TRY(file_.read_section(sections[symbols.link])));
  const std::vector<std::byte>& names = string_tables_.back();

  std::vector<Elf64_Sym> piece;
  uint64_t left = symbols.size / sizeof(Elf64_Sym);
  uint64_t offset = symbols.offset.value;
  if (offset + symbols.size < offset) return fail(Errc::malformed, "{} wraps round", symbols.name);
  while (left > 0) {
    piece.resize(std::min<uint64_t>(left, kSymbolsPerRead));
    const auto into = std::as_writable_bytes(std::span(piece));
    TRY(file_.read_exactly(FileOffset(offset), into));
    for (const Elf64_Sym& symbol : piece) add(symbol, names);
    left -= piece.size();
    offset += into.size();
  }
  return Ok{};
}

void SymbolTableBuilder::add(const Elf64_Sym& symbol, const std::vector<std::byte>& names) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)) return;
  uint64_t limit = UINT64_MAX;
  if (symbol.st_shndx < file_.sections().size()) {
    const Section& section = file_.sections()[symbol.st_shndx];
    if (!section.executable()) return;
    const uint64_t into_section = symbol.st_value - section.address.value;
    if (symbol.st_value < section.address.value || into_section >= section.size) return;  // `_etext` and its like
    limit = section.address.value + section.size;
  } else if (type == STT_NOTYPE) {
    return;  // a number, not a place
  }
  auto text = Bytes(names).sub(symbol.st_name, names.size() - std::min<uint64_t>(symbol.st_name, names.size()));
  if (!text || candidates_.size() >= kMaxSymbols || name_bytes_ >= kMaxPoolBytes) {
    ++table_.dropped_;
    return;
  }
  // A name that does not end within the bound is cut there, so that looking for its end stays cheap too.
  const size_t longest = std::min<size_t>(text->remaining(), kMaxNameBytes);
  if (longest == 0) return;  // behind the last name, or there are none
  const char* first = reinterpret_cast<const char*>(names.data()) + symbol.st_name;
  const std::string_view name(first, strnlen(first, longest));
  if (name.empty() || (type == STT_NOTYPE && mapping_symbol(name))) return;
  name_bytes_ += name.size();
  candidates_.push_back({.start = symbol.st_value,
                         .size = symbol.st_size,
                         .limit = limit,
                         .name = name,
                         .rank = rank_of(symbol.st_info)});
}

bool SymbolTableBuilder::append(const Candidate& candidate, uint64_t size) {
  const uint64_t offset = candidate.start - table_.base_;
  if (offset > UINT32_MAX || table_.pool_.size() + candidate.name.size() > kMaxPoolBytes) return false;
  table_.starts_.push_back(static_cast<uint32_t>(offset));
  table_.sizes_.push_back(static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX)));
  table_.names_.push_back(static_cast<uint32_t>(table_.pool_.size()));
  table_.pool_ += candidate.name;
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
  table_.pool_.shrink_to_fit();
  return std::move(table_);
}

std::optional<SymbolView> SymbolTable::find(ElfAddress address) const {
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

SymbolView SymbolTable::at(size_t index) const {
  const size_t end = index + 1 < names_.size() ? names_[index + 1] : pool_.size();
  return {.name = std::string_view(pool_).substr(names_[index], end - names_[index]),
          .start = ElfAddress(base_ + starts_[index]),
          .size = sizes_[index]};
}

size_t SymbolTable::memory_bytes() const {
  return (starts_.capacity() + sizes_.capacity() + names_.capacity()) * sizeof(uint32_t) + pool_.capacity();
}

Result<SymbolTable> read_symbols(const ElfFile& file) {
  SymbolTableBuilder builder(file);
  for (const uint32_t type : {uint32_t{SHT_SYMTAB}, uint32_t{SHT_DYNSYM}})
    if (const Section* symbols = file.find_section_of_type(type)) TRY(builder.add(*symbols));
  return builder.finish();
}

}  // namespace splitprof
