// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/line_table.h"

#include <gtest/gtest.h>

namespace splitprof {
namespace {

using Parse = Result<LineEntries> (*)(Bytes, uint32_t);

Result<LineEntries> parse(Parse parse, std::initializer_list<int> table, uint32_t first_line) {
  std::vector<std::byte> bytes;
  for (const int byte : table) bytes.push_back(static_cast<std::byte>(byte));
  return parse(Bytes(bytes), first_line);
}

// "position:line" of each entry.
std::string text(const Result<LineEntries>& lines) {
  if (!lines) return "error: " + lines.error().message;
  std::string out;
  for (const auto& [position, line] : *lines)
    out += (out.empty() ? "" : " ") + std::to_string(position) + ":" + std::to_string(line);
  return out;
}

int minus(int number) {
  return 256 - number;
}

TEST(Lnotab, BeginsAtTheFirstLine) {
  EXPECT_EQ(text(parse(parse_lnotab, {}, 7)), "0:7");
  EXPECT_EQ(text(parse(parse_lnotab, {0, 1, 6, 1}, 7)), "0:8 6:9");
}

TEST(Lnotab, GoesBackAndOnByMoreThanFitsInAByte) {
  EXPECT_EQ(text(parse(parse_lnotab, {2, 127, 0, 73, 4, minus(100)}, 1)), "0:1 2:201 6:101");
  EXPECT_EQ(text(parse(parse_lnotab, {255, 0, 45, 1}, 1)), "0:1 300:2");
  EXPECT_EQ(text(parse(parse_lnotab, {2, minus(128), 0, minus(128)}, 300)), "0:300 2:44");
}

TEST(Lnotab, MergesNeighbours) {
  EXPECT_EQ(text(parse(parse_lnotab, {2, 0, 2, 0, 2, 1, 0, minus(1), 2, 3}, 5)), "0:5 8:8");
}

TEST(Lnotab, RefusesWhatIsNone) {
  EXPECT_EQ(parse(parse_lnotab, {2, 1, 2}, 5).error().code, Errc::truncated);
  EXPECT_EQ(parse(parse_lnotab, {2, minus(6)}, 5).error().code, Errc::malformed);
}

TEST(LineRanges, KnowBytesWithoutALine) {
  // Positions are units of two bytes. After -128 the line goes on from where it was.
  EXPECT_EQ(text(parse(parse_line_ranges, {4, 1, 6, minus(128), 2, 1, 2, 0}, 10)), "0:11 2:0 5:12 7:0");
}

TEST(LineRanges, SkipEmptyOnes) {
  EXPECT_EQ(text(parse(parse_line_ranges, {0, 127, 0, 127, 2, 46, 2, minus(127)}, 0)), "0:300 1:173 2:0");
  EXPECT_EQ(text(parse(parse_line_ranges, {}, 3)), "0:0");
}

TEST(LineRanges, RefuseWhatIsNone) {
  EXPECT_EQ(parse(parse_line_ranges, {4}, 1).error().code, Errc::truncated);
  EXPECT_EQ(parse(parse_line_ranges, {3, 1}, 1).error().code, Errc::malformed);
  EXPECT_EQ(parse(parse_line_ranges, {2, minus(2)}, 1).error().code, Errc::malformed);
}

int entry(int kind, int units) {
  return 0x80 | kind << 3 | (units - 1);
}

TEST(Locations, ReadEveryKind) {
  for (int kind = 0; kind <= 9; ++kind)
    EXPECT_EQ(text(parse(parse_locations, {entry(kind, 3), 0x12}, 20)), "0:20 3:0") << kind;
  for (int kind = 10; kind <= 12; ++kind)
    EXPECT_EQ(text(parse(parse_locations, {entry(kind, 8), 0x7f, 0x00}, 20)),
              "0:" + std::to_string(20 + kind - 10) + " 8:0")
        << kind;
  EXPECT_EQ(text(parse(parse_locations, {entry(13, 1), 4}, 20)), "0:22 1:0");
  EXPECT_EQ(text(parse(parse_locations, {entry(13, 1), 5}, 20)), "0:18 1:0");
  EXPECT_EQ(text(parse(parse_locations, {entry(14, 2), 2, 0x41, 1, 0, 0x7f, 0x7f, 3}, 20)), "0:21 2:0");
  EXPECT_EQ(text(parse(parse_locations, {entry(13, 1), 2, entry(15, 2), entry(13, 1), 2}, 20)), "0:21 1:0 3:22 4:0");
}

TEST(Locations, ReadNumbersOfSeveralBytes) {
  EXPECT_EQ(text(parse(parse_locations, {entry(13, 1), 0x40 | 0, 0x40 | 1, 2}, 1)), "0:4129 1:0");
  // 2^31 - 1 - 5, the sign in the lowest bit.
  EXPECT_EQ(text(parse(parse_locations, {entry(13, 1), 0x74, 0x7f, 0x7f, 0x7f, 0x7f, 0x03}, 5)), "0:2147483647 1:0");
}

TEST(Locations, MergeNeighbours) {
  EXPECT_EQ(text(parse(parse_locations, {entry(0, 8), 0, entry(3, 8), 0, entry(11, 1), 0, 0, entry(15, 1)}, 2)),
            "0:2 16:3 17:0");
}

TEST(Locations, RefuseWhatIsNone) {
  const std::initializer_list<int> wrong[] = {
      {0x12},                                                 // no beginning of an entry
      {entry(0, 1)},                                          // cut off
      {entry(0, 1), 0x80},                                    // a beginning within an entry
      {entry(11, 1), 1},                                      //
      {entry(13, 1)},                                         //
      {entry(13, 1), 0x41},                                   //
      {entry(14, 1), 1, 1, 1},                                //
      {entry(13, 1), 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0},  // longer than an int
      {entry(13, 1), 0x40, 0x40, 0x40, 0x40, 0x40, 0x3f},     // more than 32 bits
      {entry(13, 1), 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 3},        // a line past the highest
      {entry(13, 1), 13},                                     // a line before the first
      {entry(0, 1), 0, 0},                                    //
  };
  for (const auto& table : wrong) EXPECT_FALSE(parse(parse_locations, table, 5)) << &table - wrong;
}

TEST(LineTable, KeepsTheBeginningOfAnEndlessOne) {
  std::vector<std::byte> table;
  for (int i = 0; i < 100'000; ++i) {
    table.push_back(static_cast<std::byte>(entry(13, 1)));
    table.push_back(std::byte{2});
  }
  const auto lines = parse_line_table(PythonLineTable::locations, Bytes(table), 1);
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), kMostLineEntries);
  const uint32_t last = kMostLineEntries - 1;
  EXPECT_EQ((*lines)[last - 1], (Function::LineEntry{last - 1, last + 1}));
  EXPECT_EQ((*lines)[last], (Function::LineEntry{last, 0})) << "from there on, no line is known";
}

TEST(LineTable, GoesByTheFormat) {
  const std::byte table[] = {std::byte{2}, std::byte{1}};
  EXPECT_EQ(text(parse_line_table(PythonLineTable::lnotab, Bytes(table), 1)), "0:1 2:2");
  EXPECT_EQ(text(parse_line_table(PythonLineTable::ranges, Bytes(table), 1)), "0:2 1:0");
  EXPECT_FALSE(parse_line_table(PythonLineTable::locations, Bytes(table), 1));
}

}  // namespace
}  // namespace splitprof
