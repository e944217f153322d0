// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/entry.h"

namespace splitprof::dwarf {
namespace {

Result<uint64_t> read_offset(Bytes& in, uint8_t size) {
  return size == 8 ? TRY(in.read<uint64_t>()) : uint64_t{TRY(in.read<uint32_t>())};
}

Result<uint64_t> read_three_bytes(Bytes& in) {
  const uint64_t low = TRY(in.read<uint16_t>());
  return low | uint64_t{TRY(in.read<uint8_t>())} << 16;
}

// Where `name` of an entry is kept; null: nowhere.
Value* place_of(Entry& entry, At name) {
  switch (name) {
    case At::sibling:
      return &entry.sibling;
    case At::name:
      return &entry.name;
    case At::linkage_name:
    case At::mips_linkage_name:
      return &entry.linkage_name;
    case At::abstract_origin:
      return &entry.abstract_origin;
    case At::specification:
      return &entry.specification;
    case At::low_pc:
      return &entry.low_pc;
    case At::high_pc:
      return &entry.high_pc;
    case At::ranges:
      return &entry.ranges;
    case At::call_file:
      return &entry.call_file;
    case At::call_line:
      return &entry.call_line;
    case At::call_column:
      return &entry.call_column;
    default:
      return nullptr;
  }
}

Value* place_of(RootEntry& entry, At name) {
  switch (name) {
    case At::name:
      return &entry.name;
    case At::low_pc:
      return &entry.low_pc;
    case At::high_pc:
      return &entry.high_pc;
    case At::ranges:
      return &entry.ranges;
    case At::stmt_list:
      return &entry.stmt_list;
    case At::comp_dir:
      return &entry.comp_dir;
    case At::dwo_name:
    case At::gnu_dwo_name:
      return &entry.dwo_name;
    case At::gnu_dwo_id:
      return &entry.dwo_id;
    case At::str_offsets_base:
      return &entry.str_offsets_base;
    case At::addr_base:
    case At::gnu_addr_base:
      return &entry.addr_base;
    case At::rnglists_base:
      return &entry.rnglists_base;
    case At::gnu_ranges_base:
      return &entry.ranges_base;
    default:
      return nullptr;
  }
}

template <typename AnyEntry>
Result<AnyEntry> read(Bytes& in, uint64_t start, const AbbrevTable& abbrevs, const Abbrev& abbrev, Encoding encoding) {
  AnyEntry entry;
  for (const AttributeSpec& spec : abbrevs.attributes(abbrev)) {
    if (Value* place = place_of(entry, spec.name))
      *place = TRY(read_value(in, start, spec.form, spec.implicit, encoding));
    else
      TRY(skip(in, skip_step(spec.form, encoding), encoding));
  }
  return entry;
}

}  // namespace

bool is_address(Form form) {
  switch (form) {
    case Form::addr:
    case Form::addrx:
    case Form::addrx1:
    case Form::addrx2:
    case Form::addrx3:
    case Form::addrx4:
    case Form::gnu_addr_index:
      return true;
    default:
      return false;
  }
}

Result<UnitLength> parse_unit_length(Bytes& in, uint64_t offset) {
  UnitLength unit;
  uint64_t length = TRY(in.read<uint32_t>());
  if (length == 0xffffffff) {  // DWARF 5, section 7.4: 64-bit DWARF; the fifteen numbers before it are reserved
    unit.offset_size = 8;
    length = TRY(in.read<uint64_t>());
  } else if (length >= 0xfffffff0) {
    return fail(Errc::malformed, "unit of reserved length {:#x}", length);
  }
  const uint64_t begin = offset + (unit.offset_size == 8 ? 12 : 4);
  if (begin + length < begin) return fail(Errc::malformed, "unit of {} bytes", length);
  unit.end = begin + length;
  return unit;
}

Result<UnitHeader> parse_unit_header(Bytes in, uint64_t offset) {
  const UnitLength length = TRY(parse_unit_length(in, offset));
  UnitHeader header{.offset = offset, .end = length.end};
  header.encoding.offset_size = length.offset_size;
  header.encoding.version = TRY(in.read<uint16_t>());
  if (header.encoding.version < 2 || header.encoding.version > 5)
    return fail(Errc::unsupported, "a unit of DWARF {}", header.encoding.version);
  uint8_t address_size;
  if (header.encoding.version == 5) {
    header.type = UnitType{TRY(in.read<uint8_t>())};
    address_size = TRY(in.read<uint8_t>());
    header.abbrev_offset = TRY(read_offset(in, length.offset_size));
  } else {
    header.abbrev_offset = TRY(read_offset(in, length.offset_size));
    address_size = TRY(in.read<uint8_t>());
  }
  if (address_size != 8) return fail(Errc::unsupported, "a unit with addresses of {} bytes", address_size);
  if (header.type == UnitType::skeleton || header.type == UnitType::split_compile)
    header.dwo_id = TRY(in.read<uint64_t>());
  else if (header.type == UnitType::type || header.type == UnitType::split_type)
    TRY(in.skip(8 + uint64_t{length.offset_size}));  // its signature, and which type
  header.root = offset + in.position();
  if (header.root > header.end) return fail(Errc::malformed, "a unit ends inside its header");
  return header;
}

Result<Value> read_value(Bytes& in, uint64_t start, Form form, int64_t implicit, Encoding encoding) {
  const auto value = [form](uint64_t number) { return Value{.form = form, .number = number}; };
  switch (form) {
    case Form::implicit_const:
      return value(static_cast<uint64_t>(implicit));
    case Form::flag_present:
      return value(1);
    case Form::data1:
    case Form::flag:
    case Form::ref1:
    case Form::strx1:
    case Form::addrx1:
      return value(TRY(in.read<uint8_t>()));
    case Form::data2:
    case Form::ref2:
    case Form::strx2:
    case Form::addrx2:
      return value(TRY(in.read<uint16_t>()));
    case Form::strx3:
    case Form::addrx3:
      return value(TRY(read_three_bytes(in)));
    case Form::data4:
    case Form::ref4:
    case Form::ref_sup4:
    case Form::strx4:
    case Form::addrx4:
      return value(TRY(in.read<uint32_t>()));
    case Form::addr:
    case Form::data8:
    case Form::ref8:
    case Form::ref_sup8:
      return value(TRY(in.read<uint64_t>()));
    case Form::strp:
    case Form::line_strp:
    case Form::strp_sup:
    case Form::sec_offset:
    case Form::gnu_ref_alt:
    case Form::gnu_strp_alt:
      return value(TRY(read_offset(in, encoding.offset_size)));
    case Form::ref_addr:
      return value(TRY(read_offset(in, encoding.version <= 2 ? 8 : encoding.offset_size)));
    case Form::sdata:
      return value(static_cast<uint64_t>(TRY(in.sleb128())));
    case Form::udata:
    case Form::ref_udata:
    case Form::strx:
    case Form::addrx:
    case Form::rnglistx:
    case Form::gnu_addr_index:
    case Form::gnu_str_index:
      return value(TRY(in.uleb128()));
    case Form::string: {
      const uint64_t offset = start + in.position();
      TRY(in.c_string());
      return value(offset);
    }
    case Form::indirect: {
      const uint64_t real = TRY(in.uleb128());
      if (real > UINT16_MAX || Form{static_cast<uint16_t>(real)} == Form::indirect)
        return fail(Errc::malformed, "an indirect form {:#x}", real);
      return read_value(in, start, Form{static_cast<uint16_t>(real)}, 0, encoding);
    }
    default:  // blocks and the like: nothing that is wanted here has one
      TRY(skip(in, skip_step(form, encoding), encoding));
      return Value{};
  }
}

Result<Entry> read_entry(Bytes& in, uint64_t start, const AbbrevTable& abbrevs, const Abbrev& abbrev,
                         Encoding encoding) {
  return read<Entry>(in, start, abbrevs, abbrev, encoding);
}

Result<RootEntry> read_root_entry(Bytes& in, uint64_t start, const AbbrevTable& abbrevs, const Abbrev& abbrev,
                                  Encoding encoding) {
  return read<RootEntry>(in, start, abbrevs, abbrev, encoding);
}

}  // namespace splitprof::dwarf
