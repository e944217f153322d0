// SPDX-License-Identifier: Apache-2.0
//
// Tables of the old formats are put together here, as no compiler at hand writes them; for those of today the oracle is
// Go's own addr2line, in tests/integration/symbol_sources.py.
#include "processor/elf/go_lines.h"

#include <gtest/gtest.h>

#include "processor/elf/local_file.h"
#include "tests/processor/elf/elf_builder.h"

namespace splitprof {
namespace {

using testing::append;
using testing::ByteVector;
using testing::ElfBuilder;

constexpr uint64_t kText = 0x401000;

// Differences of a value, as Go's linker writes them: pairs of change (zigzag) and instructions, small ones only.
ByteVector steps(std::initializer_list<std::pair<int, int>> pairs) {
  ByteVector bytes;
  for (const auto& [change, instructions] : pairs) {
    bytes.push_back(static_cast<std::byte>(change >= 0 ? change * 2 : -change * 2 - 1));
    bytes.push_back(static_cast<std::byte>(instructions));
  }
  bytes.push_back(std::byte{0});
  return bytes;
}

class Table {
 public:
  uint64_t add(const ByteVector& part) {
    const uint64_t offset = bytes.size();
    bytes.insert(bytes.end(), part.begin(), part.end());
    return offset;
  }
  uint64_t add(std::string_view text) {
    const uint64_t offset = bytes.size();
    for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
    bytes.push_back(std::byte{0});
    return offset;
  }
  template <typename T>
  uint64_t put(T value) {
    const uint64_t offset = bytes.size();
    append(bytes, value);
    return offset;
  }
  template <typename T>
  void set(uint64_t offset, uint64_t value) {
    const auto narrow = static_cast<T>(value);
    std::memcpy(bytes.data() + offset, &narrow, sizeof(T));
  }
  void align(size_t to) {
    while (bytes.size() % to != 0) bytes.push_back({});
  }
  ByteVector bytes;
};

void put_header(Table& table, uint32_t magic, uint64_t functions) {
  table.put<uint32_t>(magic);
  table.put<uint32_t>(0x08010000);  // zeroes, instructions of one byte, pointers of eight
  table.put<uint64_t>(functions);
}

// Two functions: main.first at [0, 0x20), main.second at [0x20, 0x40).
Table go_1_2() {
  Table table;
  put_header(table, 0xfffffffb, 2);
  const uint64_t entries = table.bytes.size();
  for (int i = 0; i < 5; ++i) table.put<uint64_t>(0);  // two entries and the end
  const uint64_t files_at = table.put<uint32_t>(0);
  const auto file = table.add("/src/main.go");
  table.align(4);
  table.set<uint32_t>(files_at, table.bytes.size());
  table.put<uint32_t>(2);
  table.put<uint32_t>(static_cast<uint32_t>(file));
  const auto pcfile = table.add(steps({{2, 0x20}}));
  const auto pcln = table.add(steps({{11, 0x10}, {5, 0x10}}));
  for (int i = 0; i < 2; ++i) {
    const auto name = table.add(i == 0 ? "main.first" : "main.second");
    table.align(8);
    table.set<uint64_t>(entries + static_cast<uint64_t>(i) * 16, kText + static_cast<uint64_t>(i) * 0x20);
    table.set<uint64_t>(entries + static_cast<uint64_t>(i) * 16 + 8, table.bytes.size());
    table.put<uint64_t>(kText + static_cast<uint64_t>(i) * 0x20);
    for (const uint64_t field : {name, uint64_t{0}, uint64_t{0}, uint64_t{0}, pcfile, pcln, uint64_t{0}, uint64_t{0}})
      table.put<uint32_t>(static_cast<uint32_t>(field));
  }
  table.set<uint64_t>(entries + 32, kText + 0x40);
  return table;
}

Table go_1_16() {
  Table table;
  put_header(table, 0xfffffffa, 2);
  table.put<uint64_t>(1);  // files
  const uint64_t parts = table.bytes.size();
  for (int i = 0; i < 5; ++i) table.put<uint64_t>(0);
  const auto names = table.add("main.first");
  const auto second = table.add("main.second") - names;
  table.align(4);
  const auto units = table.put<uint32_t>(UINT32_MAX);
  table.put<uint32_t>(1);
  const auto files = table.add("-/src/main.go");
  const auto values = table.put<uint8_t>(0);
  const auto pcfile = table.add(steps({{1, 0x20}})) - values;
  const auto pcln = table.add(steps({{11, 0x10}, {5, 0x10}})) - values;
  table.align(8);
  const auto entries = table.bytes.size();
  for (int i = 0; i < 5; ++i) table.put<uint64_t>(0);
  for (int i = 0; i < 2; ++i) {
    table.align(8);
    table.set<uint64_t>(entries + static_cast<uint64_t>(i) * 16, kText + static_cast<uint64_t>(i) * 0x20);
    table.set<uint64_t>(entries + static_cast<uint64_t>(i) * 16 + 8, table.bytes.size() - entries);
    table.put<uint64_t>(kText + static_cast<uint64_t>(i) * 0x20);
    for (const uint64_t field : {i == 0 ? 0 : second, uint64_t{0}, uint64_t{0}, uint64_t{0}, pcfile, pcln, uint64_t{0},
                                 uint64_t{1}, uint64_t{0}})
      table.put<uint32_t>(static_cast<uint32_t>(field));
  }
  table.set<uint64_t>(entries + 32, kText + 0x40);
  uint64_t at = parts;
  for (const uint64_t part : {names, units, files, values, uint64_t{entries}})
    table.set<uint64_t>(std::exchange(at, at + 8), part);
  return table;
}

ByteVector elf_with(const ByteVector& table) {
  ElfBuilder builder;
  builder.section(
      {.name = ".gopclntab", .type = SHT_PROGBITS, .flags = SHF_ALLOC, .address = 0x500000, .bytes = table});
  return builder.build();
}

std::string describe(GoLines& table, uint64_t address) {
  const auto frames = table.locate(ElfAddress(address));
  if (!frames) return "error: " + frames.error().message;
  std::string text;
  for (const GoFrame& frame : *frames)
    text += std::string(frame.function) + " " + std::string(frame.file) + ":" + std::to_string(frame.line) + ";";
  return text;
}

TEST(GoLines, ReadsTheFormatsOfGo1_2AndGo1_16) {
  for (const Table& made : {go_1_2(), go_1_16()}) {
    MemoryFile file(elf_with(made.bytes));
    const auto elf = ElfFile::open(file);
    auto table = GoLines::open(*elf);
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(describe(*table, kText - 1), "");
    EXPECT_EQ(describe(*table, kText), "main.first /src/main.go:10;");
    EXPECT_EQ(describe(*table, kText + 0xf), "main.first /src/main.go:10;");
    EXPECT_EQ(describe(*table, kText + 0x10), "main.first /src/main.go:15;");
    EXPECT_EQ(describe(*table, kText + 0x3f), "main.second /src/main.go:15;");
    EXPECT_EQ(describe(*table, kText + 0x40), "");
  }
}

TEST(GoLines, SurvivesEveryChangedByte) {
  for (const Table& made : {go_1_2(), go_1_16()}) {
    for (size_t i = 0; i < made.bytes.size(); ++i) {
      for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
        auto bytes = made.bytes;
        bytes[i] = static_cast<std::byte>(value);
        MemoryFile file(elf_with(bytes));
        const auto elf = ElfFile::open(file);
        auto table = GoLines::open(*elf);
        if (!table) continue;
        for (const uint64_t address : {kText, kText + 0x1f, kText + 0x20}) (void)describe(*table, address);
      }
    }
  }
}

TEST(GoLines, IsNotFoundInOtherPrograms) {
  const auto local = LocalFile::open_path("/proc/self/exe");
  const auto elf = ElfFile::open(**local);
  const auto table = GoLines::open(*elf);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, Errc::not_found);
}

}  // namespace
}  // namespace splitprof
