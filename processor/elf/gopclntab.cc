// SPDX-License-Identifier: Apache-2.0
//
// The layouts, from Go's own readers (src/runtime/symtab.go and src/debug/gosym/pclntab.go of Go 1.2, 1.16, 1.18, 1.20
// and 1.26). Words are of 8 bytes where nothing else is said; offsets of tables count from the section's start.
//
//   magic          4 bytes  0xfffffffb Go 1.2 … 1.15, 0xfffffffa 1.16 and 1.17, 0xfffffff0 1.18 and 1.19,
//                           0xfffffff1 1.20 and later
//   zero           2 bytes
//   quantum        1 byte   bytes that an instruction is aligned to: 1, 4 on arm64
//   pointer size   1 byte   8
//   number of functions
//   1.2:           function table
//   1.16:          number of files; offsets of names, units, files, runs, function table
//   1.18:          number of files; address of runtime.text (0 since 1.26); the same five offsets
//
//   function table: pairs of (entry, offset of the function's record), and at the end the last one's end. Before 1.18
//   words and addresses; since then 4 bytes each, entries from runtime.text on. Offsets from the function table.
//   record: entry (8 bytes; 4 since 1.18), name, arguments, deferreturn, SP runs, file runs, line runs, number of PC
//   tables, unit (1.16), first line (1.20), then one byte each of id, flags, zero, number of data: 4 bytes each else.
#include "processor/elf/gopclntab.h"

#include <algorithm>
#include <array>

namespace splitprof {
namespace {

constexpr uint64_t kMaxSectionBytes = 256u << 20;  // a program of 300 MB has 60
constexpr uint64_t kMaxModuleBytes = 1024;         // Go 1.26: 592
constexpr size_t kTextInModule = 22;               // word of moduledata that is `text`, Go 1.18 to 1.26
constexpr uint8_t kPointerBytes = 8;

struct Magic {
  uint32_t number;
  GoTable::Layout layout;
};
constexpr std::array<Magic, 4> kMagics = {{{0xfffffffb, GoTable::Layout::go1_2},
                                           {0xfffffffa, GoTable::Layout::go1_16},
                                           {0xfffffff0, GoTable::Layout::go1_18},
                                           {0xfffffff1, GoTable::Layout::go1_20}}};

std::optional<GoTable::Layout> layout_of(uint32_t magic) {
  for (const Magic& known : kMagics)
    if (known.number == magic) return known.layout;
  return std::nullopt;
}

// Where a table begins in a section that has other things, too: the C linker of a position-independent program puts it
// into .data.rel.ro.
std::optional<uint64_t> find_header(Bytes in) {
  while (in.remaining() >= 8) {
    const uint64_t offset = in.position();
    const uint64_t word = in.read<uint64_t>().value();
    const uint8_t quantum = static_cast<uint8_t>(word >> 48);
    if (layout_of(static_cast<uint32_t>(word)) && (word >> 32 & 0xffff) == 0 && (quantum == 1 || quantum == 4) &&
        word >> 56 == kPointerBytes)
      return offset;
  }
  return std::nullopt;
}

// Since Go 1.26 the table itself does not say where text begins; runtime.firstmoduledata does.
ElfAddress text_of_module(const ElfFile& file, ElfAddress table) {
  const Section* section = file.find_section(".go.module");
  if (section == nullptr || section->size > kMaxModuleBytes) return {};
  const auto bytes = file.read_section(*section);
  if (!bytes) return {};
  const Bytes words(*bytes);
  auto first = words.sub(0, 8);
  auto text = words.sub(kTextInModule * 8, 8);
  if (!first || !text || first->read<uint64_t>().value() != table.value) return {};
  return ElfAddress(text->read<uint64_t>().value());
}

Result<Bytes> from(const Bytes& whole, uint64_t offset) {
  const uint64_t size = whole.position() + whole.remaining();
  if (offset > size) return fail(Errc::truncated, "a table at {} of {} bytes", offset, size);
  return whole.sub(offset, size - offset);
}

// The part that begins where the cursor's next word says.
Result<Bytes> next_part(const Bytes& whole, Bytes& header) {
  return from(whole, TRY(header.read<uint64_t>()));
}

}  // namespace

bool is_go(const ElfFile& file) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo", ".note.go.buildid"})
    if (file.find_section(name) != nullptr) return true;
  return false;
}

Result<GoSection> read_gopclntab(const ElfFile& file) {
  const bool go = file.find_section(".go.buildinfo") != nullptr || file.find_section(".note.go.buildid") != nullptr;
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab", go ? ".data.rel.ro" : ""}) {
    if (*name == 0) break;
    const Section* section = file.find_section(name);
    if (section == nullptr) continue;
    GoSection found{.bytes = TRY(file.read_section(*section, kMaxSectionBytes))};
    const auto offset = find_header(Bytes(found.bytes));
    if (!offset) continue;
    found.bytes.erase(found.bytes.begin(), found.bytes.begin() + static_cast<ptrdiff_t>(*offset));
    found.address = ElfAddress(section->address.value + *offset);
    found.text = text_of_module(file, found.address);
    // Go's own linker, which writes no .eh_frame, puts runtime.text first.
    const Section* text = file.find_section(".text");
    if (found.text.value == 0 && text != nullptr && file.find_section(".eh_frame") == nullptr)
      found.text = text->address;
    return found;
  }
  return fail(Errc::not_found, "no .gopclntab");
}

std::optional<GoRuns::Run> GoRuns::next() {
  const auto delta = in_.uleb128();
  if (!delta || *delta > UINT32_MAX || (*delta == 0 && !first_)) return std::nullopt;
  const auto length = in_.uleb128();
  if (!length || *length == 0 || *length > UINT32_MAX) return std::nullopt;
  first_ = false;
  const auto zigzag = static_cast<uint32_t>(*delta);
  value_ = static_cast<int32_t>(static_cast<uint32_t>(value_) + ((0 - (zigzag & 1)) ^ zigzag >> 1));
  end_ += *length * quantum_;
  return Run{end_, value_};
}

Result<GoTable> GoTable::parse(const GoSection& section) {
  GoTable table;
  table.whole_ = Bytes(section.bytes);
  table.text_ = section.text.value;
  TRY(table.read_header());
  return table;
}

Result<> GoTable::read_header() {
  Bytes in = whole_;
  const auto layout = layout_of(TRY(in.read<uint32_t>()));
  if (!layout) return fail(Errc::unsupported, "no known .gopclntab");
  layout_ = *layout;
  TRY(in.skip(2));
  quantum_ = TRY(in.read<uint8_t>());
  const auto pointer_bytes = TRY(in.read<uint8_t>());
  if (pointer_bytes != kPointerBytes || (quantum_ != 1 && quantum_ != 4))
    return fail(Errc::unsupported, ".gopclntab with pointers of {} bytes", pointer_bytes);
  const auto n_functions = TRY(in.read<uint64_t>());
  if (n_functions > kMaxFunctions) return fail(Errc::too_large, "{} functions", n_functions);
  n_functions_ = static_cast<uint32_t>(n_functions);
  if (layout_ == Layout::go1_2) {
    names_ = runs_ = whole_;
    // Records are counted from the section's start, and the table itself follows the header.
    functions_ = whole_;
  } else {
    TRY(in.skip(8));  // number of files
    if (layout_ >= Layout::go1_18) {
      const auto text = TRY(in.read<uint64_t>());
      if (text != 0) text_ = text;
      if (text_ == 0) return fail(Errc::unsupported, "nothing says where the program's text begins");
    }
    names_ = TRY(next_part(whole_, in));
    units_ = TRY(next_part(whole_, in));
    files_ = TRY(next_part(whole_, in));
    runs_ = TRY(next_part(whole_, in));
    functions_ = TRY(next_part(whole_, in));
  }
  const uint64_t field = layout_ >= Layout::go1_18 ? 4 : 8;
  table_ = TRY(functions_.sub(layout_ == Layout::go1_2 ? in.position() : 0, (n_functions * 2 + 1) * field));
  if (layout_ == Layout::go1_2) {
    Bytes behind = TRY(from(whole_, in.position() + (n_functions * 2 + 1) * field));
    const auto files_at = TRY(behind.read<uint32_t>());
    files_ = TRY(from(whole_, files_at));
  }
  return Ok{};
}

uint64_t GoTable::field(uint64_t index) const {
  if (layout_ >= Layout::go1_18) {
    auto at = table_.sub(index * 4, 4);
    return at ? at->read<uint32_t>().value() : 0;
  }
  auto at = table_.sub(index * 8, 8);
  return at ? at->read<uint64_t>().value() : 0;
}

ElfAddress GoTable::start_of(uint32_t index) const {
  const uint64_t entry = field(uint64_t{index} * 2);
  return ElfAddress(layout_ >= Layout::go1_18 ? text_ + entry : entry);
}

Result<GoFunction> GoTable::function(uint32_t index) const {
  if (index >= n_functions_) return fail(Errc::not_found, "function {} of {}", index, n_functions_);
  GoFunction function{.start = start_of(index), .end = start_of(index + 1)};
  if (function.end <= function.start) return fail(Errc::malformed, "function {} has no code", index);
  Bytes in = TRY(from(functions_, field(uint64_t{index} * 2 + 1)));
  const uint64_t begin = functions_.position() + functions_.remaining() - in.remaining();
  TRY(in.skip(layout_ >= Layout::go1_18 ? 4 : 8));
  function.name = TRY(in.read<uint32_t>());
  TRY(in.skip(8));
  function.sp_table = TRY(in.read<uint32_t>());
  function.file_table = TRY(in.read<uint32_t>());
  function.line_table = TRY(in.read<uint32_t>());
  function.n_pc_tables = TRY(in.read<uint32_t>());
  if (layout_ >= Layout::go1_16) function.unit = TRY(in.read<uint32_t>());
  if (layout_ >= Layout::go1_20) TRY(in.skip(4));
  if (layout_ >= Layout::go1_16) {
    function.id = TRY(in.read<uint8_t>());
    function.flags = TRY(in.read<uint8_t>());
    TRY(in.skip(1));
    function.n_data = TRY(in.read<uint8_t>());
  } else {
    TRY(in.skip(4));
  }
  function.trailer = begin + in.position();
  return function;
}

std::optional<uint32_t> GoTable::find(ElfAddress address) const {
  if (n_functions_ == 0 || address < start_of(0) || address >= start_of(n_functions_)) return std::nullopt;
  uint32_t low = 0;
  for (uint32_t left = n_functions_; left > 1;) {
    const uint32_t half = left / 2;
    if (start_of(low + half) <= address) low += half;
    left -= half;
  }
  return low;
}

Result<std::string_view> GoTable::name(const GoFunction& function) const {
  return TRY(from(names_, function.name)).c_string();
}

GoRuns GoTable::runs(uint32_t table) const {
  auto in = from(runs_, table);
  return GoRuns(table != 0 && in ? *in : Bytes(), quantum_);
}

}  // namespace splitprof
