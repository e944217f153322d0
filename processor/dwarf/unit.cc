// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/unit.h"

#include <algorithm>

namespace splitprof::dwarf {
namespace {

// Where a contribution's entries begin when the unit does not say: behind the section's first header, as in a .dwo
// file (DWARF 5, sections 7.26 to 7.28).
uint64_t after_first_header(Encoding encoding, uint64_t rest_of_header) {
  if (encoding.version < 5) return 0;
  return (encoding.offset_size == 8 ? 12 : 4) + rest_of_header;
}

constexpr uint64_t kLongestHeader = 64;  // of a unit: 40 bytes in 64-bit DWARF 5
constexpr uint64_t kNoAddress = 0;       // where nothing is known, as DWARF has it

}  // namespace

DwarfFile::DwarfFile(const ElfFile& file, bool split, DwarfFile* alternate, Work& work)
    : work_(work), alternate_(alternate) {
  const auto section = [&](std::string name) { return SectionBytes(file, name + (split ? ".dwo" : ""), work); };
  info = section(".debug_info");
  abbrev = section(".debug_abbrev");
  str = section(".debug_str");
  str_offsets = section(".debug_str_offsets");
  rnglists = section(".debug_rnglists");
  if (split) return;  // what follows is never in a .dwo file, or of no use here
  line_str = section(".debug_line_str");
  line = section(".debug_line");
  addr = section(".debug_addr");
  ranges = section(".debug_ranges");
  aranges = section(".debug_aranges");
}

Result<> DwarfFile::visit_headers(const std::function<Result<>(uint64_t, const Result<UnitHeader>&)>& visit) {
  const uint64_t size = TRY(info.size());
  uint64_t offset = 0;
  for (size_t count = 0; offset < size; ++count) {
    if (count == kMaxUnits) return fail(Errc::too_large, "more than {} units", kMaxUnits);
    const Bytes piece = TRY(info.up_to(offset, kLongestHeader));
    Bytes start = piece;
    const UnitLength length = TRY(parse_unit_length(start, offset));
    if (length.end > size) return fail(Errc::malformed, "the unit at {:#x} ends past its section", offset);
    TRY(visit(offset, parse_unit_header(piece, offset)));
    offset = length.end;
  }
  return Ok{};
}

Result<std::shared_ptr<const AbbrevTable>> DwarfFile::abbrevs_at(uint64_t offset, Encoding encoding, uint64_t only) {
  if (const auto known = abbrevs_.find(offset); known != abbrevs_.end() && known->second.encoding == encoding)
    return known->second.table;
  const auto parse = [&](Bytes bytes) { return AbbrevTable::parse(bytes, encoding, only); };
  auto table = std::make_shared<const AbbrevTable>(TRY(abbrev.parse(offset, kMaxAbbrevBytes, parse)));
  if (only != 0) return table;  // not all of it
  abbrev_bytes_ += table->memory_bytes();
  if (abbrev_bytes_ > kMaxCachedAbbrevBytes) {
    abbrevs_.clear();
    units_.clear();  // they hold tables, too
    abbrev_bytes_ = table->memory_bytes();
  }
  abbrevs_[offset] = {.encoding = encoding, .table = table};
  return table;
}

Result<Unit> DwarfFile::open_unit(const UnitHeader& header, bool root_only) {
  Unit unit;
  unit.file = unit.addresses = this;
  unit.header = header;
  const auto root_code = TRY(info.parse(header.root, 16, [](Bytes bytes) { return bytes.uleb128(); }));
  unit.abbrevs = TRY(abbrevs_at(header.abbrev_offset, header.encoding, root_only ? root_code : 0));
  const Abbrev* root_abbrev = unit.abbrevs->find(root_code);
  if (root_abbrev == nullptr) return fail(Errc::malformed, "the unit at {:#x} has no first entry", header.offset);
  const auto read_root = [&](Bytes bytes) -> Result<RootEntry> {
    TRY(bytes.uleb128());
    return read_root_entry(bytes, header.root, *unit.abbrevs, *root_abbrev, header.encoding);
  };
  unit.root = TRY(info.parse(header.root, kMaxUnitHeaderBytes, read_root));
  const RootEntry& root = unit.root;
  const Encoding encoding = header.encoding;
  if (root.dwo_id) unit.header.dwo_id = root.dwo_id.number;
  const auto base = [](Value value, uint64_t otherwise) { return value ? value.number : otherwise; };
  unit.str_offsets_base = base(root.str_offsets_base, after_first_header(encoding, 4));
  unit.addr_base = base(root.addr_base, after_first_header(encoding, 4));
  unit.rnglists_base = base(root.rnglists_base, after_first_header(encoding, 8));
  unit.low_pc = root.low_pc ? TRY(address(unit, root.low_pc)) : kNoAddress;
  return unit;
}

Result<> DwarfFile::load_contents(Unit& unit) {
  const uint64_t size = unit.header.end - unit.header.offset;
  if (size > kMaxUnitBytes) return fail(Errc::too_large, "the unit at {:#x} has {} bytes", unit.header.offset, size);
  unit.contents = TRY(info.copy(unit.header.offset, size));
  return Ok{};
}

Result<std::shared_ptr<const Unit>> DwarfFile::unit_at(uint64_t unit_offset) {
  if (const auto known = units_.find(unit_offset); known != units_.end()) return known->second;
  const Bytes start = TRY(info.up_to(unit_offset, kLongestHeader));
  const UnitHeader header = TRY(parse_unit_header(start, unit_offset));
  auto unit = std::make_shared<const Unit>(TRY(open_unit(header)));
  if (units_.size() >= kMaxCachedUnits) units_.clear();
  units_[unit_offset] = unit;
  return unit;
}

Result<std::shared_ptr<const Unit>> DwarfFile::unit_with(uint64_t entry_offset) {
  if (!unit_offsets_known_) {
    unit_offsets_known_ = true;
    // An error at the end still leaves those before it.
    (void)visit_headers([this](uint64_t offset, const Result<UnitHeader>&) -> Result<> {
      unit_offsets_.push_back(offset);
      return Ok{};
    });
  }
  const auto after = std::upper_bound(unit_offsets_.begin(), unit_offsets_.end(), entry_offset);
  if (after == unit_offsets_.begin()) return fail(Errc::malformed, "no unit holds entry {:#x}", entry_offset);
  return unit_at(*std::prev(after));
}

Result<Entry> DwarfFile::entry_at(const Unit& unit, uint64_t offset) {
  if (offset < unit.header.root || offset >= unit.header.end)
    return fail(Errc::malformed, "entry {:#x} is outside its unit", offset);
  const auto read = [&](Bytes bytes) -> Result<Entry> {
    const uint64_t code = TRY(bytes.uleb128());
    const Abbrev* abbrev_of_entry = unit.abbrevs->find(code);
    if (abbrev_of_entry == nullptr) return fail(Errc::malformed, "entry {:#x} has unknown code {}", offset, code);
    TRY(work_.step(1 + abbrev_of_entry->attributes));
    return read_entry(bytes, offset, *unit.abbrevs, *abbrev_of_entry, unit.header.encoding);
  };
  if (unit.contents.empty()) return info.parse(offset, kMaxEntryBytes, read);
  const uint64_t size = unit.header.end - offset;
  return read(TRY(Bytes(unit.contents).sub(offset - unit.header.offset, size)));
}

Result<std::string> DwarfFile::indexed_text(const Unit& unit, uint64_t index) {
  const uint8_t size = unit.header.encoding.offset_size;
  // A sum that wraps is the offset of some other text, at worst.
  const uint64_t offset = TRY(str_offsets.number(unit.str_offsets_base + index * size, size));
  return std::string(TRY(str.text(offset)));
}

Result<std::string> DwarfFile::text(const Unit& unit, Value value) {
  switch (value.form) {
    case Form::string:
      return std::string(TRY(info.text(value.number)));
    case Form::strp:
      return std::string(TRY(str.text(value.number)));
    case Form::line_strp:
      return std::string(TRY(line_str.text(value.number)));
    case Form::strx:
    case Form::strx1:
    case Form::strx2:
    case Form::strx3:
    case Form::strx4:
    case Form::gnu_str_index:
      return indexed_text(unit, value.number);
    case Form::strp_sup:
    case Form::gnu_strp_alt:
      if (alternate_ == nullptr) return fail(Errc::not_found, "a text is in another file");
      return std::string(TRY(alternate_->str.text(value.number)));
    default:
      return fail(Errc::malformed, "a text of form {:#x}", static_cast<uint16_t>(value.form));
  }
}

Result<uint64_t> DwarfFile::address(const Unit& unit, Value value) {
  if (value.form == Form::addr) return value.number;
  if (is_address(value.form)) return unit.addresses->addr.number(unit.addr_base + value.number * 8, 8);
  return fail(Errc::malformed, "an address of form {:#x}", static_cast<uint16_t>(value.form));
}

Result<EntryReference> DwarfFile::reference(const Unit& unit, Value value) {
  switch (value.form) {
    case Form::ref1:
    case Form::ref2:
    case Form::ref4:
    case Form::ref8:
    case Form::ref_udata:
      return EntryReference{.file = this, .offset = unit.header.offset + value.number};
    case Form::ref_addr:
      return EntryReference{.file = this, .offset = value.number};
    case Form::ref_sup4:
    case Form::ref_sup8:
    case Form::gnu_ref_alt:
      if (alternate_ == nullptr) return fail(Errc::not_found, "an entry is in another file");
      return EntryReference{.file = alternate_, .offset = value.number};
    default:
      return fail(Errc::unsupported, "a reference of form {:#x}", static_cast<uint16_t>(value.form));
  }
}

}  // namespace splitprof::dwarf
