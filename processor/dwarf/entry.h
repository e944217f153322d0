// SPDX-License-Identifier: Apache-2.0
//
// Unit headers, and the attributes of an entry (DIE) that this reader wants, as raw numbers: what a number means may
// depend on the unit (unit.h). DWARF 5, sections 7.5.1 and 7.5.4 to 7.5.6.
#pragma once

#include <cstdint>

#include "processor/dwarf/abbrev.h"
#include "processor/dwarf/constants.h"
#include "processor/elf/bytes.h"
#include "shared/result.h"

namespace splitprof::dwarf {

struct UnitHeader {
  uint64_t offset = 0;         // of the unit in .debug_info, as all offsets of entries
  uint64_t end = 0;            // one past its last byte
  uint64_t root = 0;           // its first entry
  uint64_t abbrev_offset = 0;  // in .debug_abbrev
  uint64_t dwo_id = 0;         // DWARF 5: of a skeleton and of what belongs to it
  Encoding encoding;
  UnitType type = UnitType::compile;
};

// What the first bytes of a unit, a line program or a set of ranges say, whatever the rest holds.
struct UnitLength {
  uint64_t end = 0;  // offset one past the unit
  uint8_t offset_size = 4;
};
Result<UnitLength> parse_unit_length(Bytes& in, uint64_t offset);
// `in` begins at the unit.
Result<UnitHeader> parse_unit_header(Bytes in, uint64_t offset);

// A value as it is in the file. The number of a text inside an entry is the text's own offset in the section.
struct Value {
  Form form = Form::none;  // none: there is no such attribute
  uint64_t number = 0;
  explicit operator bool() const { return form != Form::none; }
};

struct Entry {
  Value sibling, name, linkage_name, abstract_origin, specification;
  Value low_pc, high_pc, ranges;
  Value call_file, call_line, call_column;
};
// What only a unit's first entry has.
struct RootEntry {
  Value name, low_pc, high_pc, ranges;
  Value stmt_list, comp_dir, dwo_name, dwo_id;
  Value str_offsets_base, addr_base, rnglists_base, ranges_base;
};

bool is_address(Form form);

// `in` stands behind the entry's code and begins at `start` in the section.
Result<Entry> read_entry(Bytes& in, uint64_t start, const AbbrevTable& abbrevs, const Abbrev& abbrev,
                         Encoding encoding);
Result<RootEntry> read_root_entry(Bytes& in, uint64_t start, const AbbrevTable& abbrevs, const Abbrev& abbrev,
                                  Encoding encoding);
// One value. Blocks and whatever else has no number are stepped over, and give nothing.
Result<Value> read_value(Bytes& in, uint64_t start, Form form, int64_t implicit, Encoding encoding);

}  // namespace splitprof::dwarf
