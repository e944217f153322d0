// SPDX-License-Identifier: Apache-2.0
//
// DwarfFile: the DWARF sections of one file, and its units by offset. Unit: what reading a unit's entries needs:
// header, abbreviations, the bases that its numbers count from. Together they turn raw values into texts, addresses
// and other entries. Both belong to one DebugInfo; units of other files are reached through `alternate`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "processor/dwarf/entry.h"
#include "processor/dwarf/section.h"

namespace splitprof::dwarf {

class DwarfFile;

struct Unit {
  DwarfFile* file = nullptr;
  UnitHeader header;
  std::shared_ptr<const AbbrevTable> abbrevs;  // shared: units of one file often have the same
  RootEntry root;
  uint64_t str_offsets_base = 0, addr_base = 0, rnglists_base = 0;
  uint64_t ranges_base = 0;         // added to offsets in .debug_ranges: GNU's split DWARF 4
  uint64_t low_pc = 0;              // what ranges count from
  DwarfFile* addresses = nullptr;   // whose .debug_addr and .debug_ranges it uses: of a .dwo file's unit its skeleton's
  std::vector<std::byte> contents;  // from header.offset; empty until load_contents
};

struct EntryReference {
  DwarfFile* file = nullptr;
  uint64_t offset = 0;
};

class DwarfFile {
 public:
  // `split`: of a .dwo file. `alternate` may be null. All outlive this object.
  DwarfFile(const ElfFile& file, bool split, DwarfFile* alternate, Work& work);
  DwarfFile(const DwarfFile&) = delete;
  DwarfFile& operator=(const DwarfFile&) = delete;

  SectionBytes info, abbrev, str, line_str, str_offsets, line, addr, ranges, rnglists, aranges;

  // Calls `visit` with each unit's header, in the order of the file, or with why there is none. Stops with an error
  // where a unit's length is nonsense, as nobody knows where the next one is.
  Result<> visit_headers(const std::function<Result<>(uint64_t offset, const Result<UnitHeader>& header)>& visit);
  // The unit with its abbreviations and bases. `root_only`: with as many abbreviations as its first entry needs.
  Result<Unit> open_unit(const UnitHeader& header, bool root_only = false);
  Result<> load_contents(Unit& unit);
  // The same by offset; of the unit that holds an entry. Shared: the cache may forget it while it is used.
  Result<std::shared_ptr<const Unit>> unit_at(uint64_t unit_offset);
  Result<std::shared_ptr<const Unit>> unit_with(uint64_t entry_offset);
  // One entry by its offset, which is within `unit`.
  Result<Entry> entry_at(const Unit& unit, uint64_t offset);

  // What a value means. A text of more than kMaxNameBytes is an error.
  Result<std::string> text(const Unit& unit, Value value);
  Result<uint64_t> address(const Unit& unit, Value value);
  Result<EntryReference> reference(const Unit& unit, Value value);

 private:
  Result<std::shared_ptr<const AbbrevTable>> abbrevs_at(uint64_t offset, Encoding encoding, uint64_t only);
  Result<std::string> indexed_text(const Unit& unit, uint64_t index);

  Work& work_;
  DwarfFile* alternate_;
  struct CachedAbbrevs {
    Encoding encoding;
    std::shared_ptr<const AbbrevTable> table;
  };
  std::unordered_map<uint64_t, CachedAbbrevs> abbrevs_;  // by offset
  size_t abbrev_bytes_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<const Unit>> units_;  // by offset; at most kMaxCachedUnits
  std::vector<uint64_t> unit_offsets_;                               // all of them, once somebody has asked
  bool unit_offsets_known_ = false;
};

// Calls visit(low, high) for each range of addresses that belongs to an entry; at most kMaxRanges. Attributes that are
// not there are fine: then there is no range.
using RangeVisitor = std::function<Result<>(uint64_t low, uint64_t high)>;
Result<> visit_ranges(const Unit& unit, Value low_pc, Value high_pc, Value ranges, Work& work,
                      const RangeVisitor& visit);

}  // namespace splitprof::dwarf
