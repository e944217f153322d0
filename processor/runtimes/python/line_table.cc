// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/line_table.h"

#include <algorithm>

namespace splitprof {
namespace {

constexpr int64_t kNoLine = 0;
constexpr int64_t kHighestLine = INT32_MAX;  // lines are C's int in CPython

// Collects entries: merges neighbours, forgets empty ranges, and stops at the bound.
class Collector {
 public:
  [[nodiscard]] bool add(uint64_t position, int64_t line) {
    if (line < 0 || line > kHighestLine || position > UINT32_MAX) return false;
    if (is_full_) return true;
    if (!entries_.empty() && entries_.back().position == position) entries_.pop_back();
    if (!entries_.empty() && entries_.back().line == line) return true;
    is_full_ = entries_.size() == kMostLineEntries - 1;
    entries_.push_back({static_cast<uint32_t>(position), static_cast<uint32_t>(is_full_ ? kNoLine : line)});
    return true;
  }
  LineEntries take() {
    entries_.shrink_to_fit();  // functions are kept for long
    return std::move(entries_);
  }

 private:
  LineEntries entries_;
  bool is_full_ = false;
};

Error no_line(int64_t line) {
  return fail(Errc::malformed, "line {} in a table of lines", line);
}

Error ends_early() {
  return fail(Errc::truncated, "a table of lines that ends within an entry");
}

// The numbers in an entry of 3.11: six bits a byte, the lowest first, and a bit that says whether there are more. They
// are C's ints, so that six bytes are enough. The first byte of an entry has bit 7 set, no other one has.
bool read_varint(Bytes& table, uint32_t& value) {
  uint64_t bits = 0;
  for (int shift = 0; shift <= 30; shift += 6) {
    uint8_t byte;
    if (!table.read_into(byte) || byte >= 0x80) return false;
    bits |= uint64_t{byte & 0x3fu} << shift;
    if (!(byte & 0x40)) {
      value = static_cast<uint32_t>(bits);
      return bits <= UINT32_MAX;
    }
  }
  return false;
}

// The sign is the lowest bit.
bool read_signed_varint(Bytes& table, int64_t& value) {
  uint32_t bits;
  if (!read_varint(table, bits)) return false;
  value = bits & 1 ? -int64_t{bits >> 1} : int64_t{bits >> 1};
  return true;
}

bool skip_columns(Bytes& table, int bytes) {
  uint8_t byte;
  for (; bytes > 0; --bytes)
    if (!table.read_into(byte) || byte >= 0x80) return false;
  return true;
}

}  // namespace

// Pairs of bytes: so much further the line changes by so much (signed, since 3.6). Longer ways are several pairs.
// CPython 3.9, Objects/lnotab_notes.txt.
Result<LineEntries> parse_lnotab(Bytes table, uint32_t first_line) {
  Collector lines;
  uint64_t position = 0;
  int64_t line = first_line;
  if (!lines.add(position, line)) return no_line(line);
  uint8_t further;
  while (table.read_into(further)) {
    int8_t change;
    if (!table.read_into(change)) return ends_early();
    position += further;
    line += change;
    if (!lines.add(position, line)) return no_line(line);
  }
  return lines.take();
}

// Pairs of bytes: the next so many bytes of code have the line before plus so much; -128: they have none. CPython 3.10,
// Objects/lnotab_notes.txt.
Result<LineEntries> parse_line_ranges(Bytes table, uint32_t first_line) {
  Collector lines;
  uint64_t position = 0;  // bytes
  int64_t line = first_line;
  uint8_t length;
  while (table.read_into(length)) {
    int8_t change;
    if (!table.read_into(change)) return ends_early();
    if (length % 2 != 0) return fail(Errc::malformed, "a line begins within an instruction");
    const bool has_line = change != -128;
    if (has_line) line += change;
    if (length == 0) continue;
    if (!lines.add(position / 2, has_line ? line : kNoLine)) return no_line(line);
    position += length;
  }
  if (!lines.add(position / 2, kNoLine)) return no_line(line);
  return lines.take();
}

// Entries: a byte of 1, four bits of kind and three of length - 1 in units, then what the kind says. CPython 3.11,
// Objects/locations.md.
Result<LineEntries> parse_locations(Bytes table, uint32_t first_line) {
  Collector lines;
  uint64_t position = 0;  // units
  int64_t line = first_line;
  uint8_t first;
  while (table.read_into(first)) {
    if (first < 0x80) return fail(Errc::malformed, "byte {:#x} where a location begins", first);
    const int kind = first >> 3 & 15;
    int64_t change = 0;
    uint32_t ignored;
    bool is_read = true;
    if (kind <= 9) {  // one line, columns below 80
      is_read = skip_columns(table, 1);
    } else if (kind <= 12) {  // up to two lines on, columns below 128
      change = kind - 10;
      is_read = skip_columns(table, 2);
    } else if (kind == 13) {  // no columns
      is_read = read_signed_varint(table, change);
    } else if (kind == 14) {  // change of line, lines to the end, columns
      is_read = read_signed_varint(table, change) && read_varint(table, ignored) && read_varint(table, ignored) &&
                read_varint(table, ignored);
    }
    if (!is_read) return fail(Errc::malformed, "a location of kind {} that is cut off or has no end", kind);
    line += change;
    if (!lines.add(position, kind == 15 ? kNoLine : line)) return no_line(line);
    position += (first & 7) + 1;
  }
  if (!lines.add(position, kNoLine)) return no_line(line);
  return lines.take();
}

Result<LineEntries> parse_line_table(PythonLineTable format, Bytes table, uint32_t first_line) {
  switch (format) {
    case PythonLineTable::lnotab:
      return parse_lnotab(table, first_line);
    case PythonLineTable::ranges:
      return parse_line_ranges(table, first_line);
    case PythonLineTable::locations:
      return parse_locations(table, first_line);
  }
  return fail(Errc::unsupported, "a table of lines of an unknown format");
}

}  // namespace splitprof
