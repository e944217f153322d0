// SPDX-License-Identifier: Apache-2.0
//
// Address ranges of an entry: low_pc and high_pc, .debug_ranges (DWARF 4, section 2.17.3), or .debug_rnglists (DWARF 5,
// sections 2.17.3 and 7.25).
#include "processor/dwarf/unit.h"

namespace splitprof::dwarf {
namespace {

Result<> visit_range(uint64_t low, uint64_t high, const RangeVisitor& visit) {
  if (low >= high) return Ok{};  // empty, or of code that the linker threw away
  return visit(low, high);
}

Result<> visit_debug_ranges(const Unit& unit, uint64_t offset, Work& work, const RangeVisitor& visit) {
  uint64_t base = unit.low_pc;
  for (uint32_t count = 0; count < kMaxRanges; ++count) {
    TRY(work.step());
    Bytes pair = TRY(unit.addresses->ranges.at(offset, 16));
    const uint64_t low = TRY(pair.read<uint64_t>());
    const uint64_t high = TRY(pair.read<uint64_t>());
    if (low == 0 && high == 0) return Ok{};
    if (low == UINT64_MAX)
      base = high;
    else
      TRY(visit_range(base + low, base + high, visit));
    offset += 16;
  }
  return fail(Errc::too_large, "more than {} ranges of one entry", kMaxRanges);
}

// One entry of a list: an operation and up to two numbers.
struct ListEntry {
  RangeEntry kind = RangeEntry::end_of_list;
  uint64_t first = 0, second = 0;
  size_t bytes = 0;
};

Result<ListEntry> read_list_entry(Bytes in) {
  ListEntry entry{.kind = RangeEntry{TRY(in.read<uint8_t>())}};
  switch (entry.kind) {
    case RangeEntry::end_of_list:
      break;
    case RangeEntry::base_addressx:
      entry.first = TRY(in.uleb128());
      break;
    case RangeEntry::startx_endx:
    case RangeEntry::startx_length:
    case RangeEntry::offset_pair:
      entry.first = TRY(in.uleb128());
      entry.second = TRY(in.uleb128());
      break;
    case RangeEntry::base_address:
      entry.first = TRY(in.read<uint64_t>());
      break;
    case RangeEntry::start_end:
      entry.first = TRY(in.read<uint64_t>());
      entry.second = TRY(in.read<uint64_t>());
      break;
    case RangeEntry::start_length:
      entry.first = TRY(in.read<uint64_t>());
      entry.second = TRY(in.uleb128());
      break;
    default:
      return fail(Errc::malformed, "range list entry {}", static_cast<uint8_t>(entry.kind));
  }
  entry.bytes = in.position();
  return entry;
}

Result<> visit_rnglist(const Unit& unit, uint64_t offset, Work& work, const RangeVisitor& visit) {
  const auto indexed = [&](uint64_t index) { return unit.file->address(unit, {.form = Form::addrx, .number = index}); };
  uint64_t base = unit.low_pc;
  for (uint32_t count = 0; count < kMaxRanges; ++count) {
    TRY(work.step());
    constexpr uint64_t kLongestEntry = 1 + 10 + 10;  // an operation and two numbers
    const Bytes bytes = TRY(unit.file->rnglists.up_to(offset, kLongestEntry));
    const ListEntry entry = TRY(read_list_entry(bytes));
    switch (entry.kind) {
      case RangeEntry::end_of_list:
        return Ok{};
      case RangeEntry::base_addressx:
        base = TRY(indexed(entry.first));
        break;
      case RangeEntry::base_address:
        base = entry.first;
        break;
      case RangeEntry::offset_pair:
        TRY(visit_range(base + entry.first, base + entry.second, visit));
        break;
      case RangeEntry::startx_endx: {
        const uint64_t low = TRY(indexed(entry.first));
        const uint64_t high = TRY(indexed(entry.second));
        TRY(visit_range(low, high, visit));
        break;
      }
      case RangeEntry::startx_length: {
        const uint64_t low = TRY(indexed(entry.first));
        TRY(visit_range(low, low + entry.second, visit));
        break;
      }
      case RangeEntry::start_end:
        TRY(visit_range(entry.first, entry.second, visit));
        break;
      case RangeEntry::start_length:
        TRY(visit_range(entry.first, entry.first + entry.second, visit));
        break;
    }
    offset += entry.bytes;
  }
  return fail(Errc::too_large, "more than {} ranges of one entry", kMaxRanges);
}

}  // namespace

Result<> visit_ranges(const Unit& unit, Value low_pc, Value high_pc, Value ranges, Work& work,
                      const RangeVisitor& visit) {
  if (low_pc && high_pc) {
    const uint64_t low = TRY(unit.file->address(unit, low_pc));
    // An address, or (since DWARF 4) any other class of number: how many bytes.
    const uint64_t high = is_address(high_pc.form) ? TRY(unit.file->address(unit, high_pc)) : low + high_pc.number;
    return visit_range(low, high, visit);
  }
  if (!ranges) return Ok{};
  const Encoding encoding = unit.header.encoding;
  if (encoding.version < 5) return visit_debug_ranges(unit, unit.ranges_base + ranges.number, work, visit);
  if (ranges.form != Form::rnglistx) return visit_rnglist(unit, ranges.number, work, visit);
  const uint64_t place = unit.rnglists_base + ranges.number * encoding.offset_size;
  const uint64_t offset = TRY(unit.file->rnglists.number(place, encoding.offset_size));
  return visit_rnglist(unit, unit.rnglists_base + offset, work, visit);
}

}  // namespace splitprof::dwarf
