// SPDX-License-Identifier: Apache-2.0
//
// Files that lie: made by hand, or by changing a byte of a good one.
#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "processor/dwarf/limits.h"
#include "tests/processor/dwarf/symbolized.h"
#include "tests/processor/elf/elf_builder.h"

namespace splitprof {
namespace {

using testing::all_addresses;
using testing::append;
using testing::bytes_of;
using testing::ByteVector;
using testing::ElfBuilder;
using testing::read_data;
using testing::symbolize;
using testing::Symbolized;
using testing::TestFile;

constexpr uint64_t kCode = 0x1000;
constexpr uint64_t kCodeBytes = 0x1000;

// One unit of DWARF 4 whose first entry covers all code. Code 1 is that entry; the test writes the others.
class UnitBuilder {
 public:
  ByteVector abbrevs = bytes_of({1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0});  // low_pc: addr, high_pc: data8
  ByteVector entries;

  void abbrev(std::initializer_list<int> bytes) { append_all(abbrevs, bytes_of(bytes)); }
  void entry(std::initializer_list<int> bytes) { append_all(entries, bytes_of(bytes)); }
  void range() {  // low_pc and high_pc of all code
    append(entries, kCode);
    append(entries, kCodeBytes);
  }
  // Of the next entry in .debug_info.
  uint32_t offset() const { return static_cast<uint32_t>(kFirstEntry + kRootBytes + entries.size()); }

  ByteVector elf(ByteVector ranges = {}) const {
    ByteVector unit;
    append(unit, uint16_t{4});
    append(unit, uint32_t{0});
    append(unit, uint8_t{8});
    append(unit, uint8_t{1});
    append(unit, kCode);
    append(unit, kCodeBytes);
    append_all(unit, entries);
    append(unit, uint8_t{0});
    ByteVector info;
    append(info, static_cast<uint32_t>(unit.size()));
    append_all(info, unit);
    ByteVector abbrevs_and_end = abbrevs;
    append(abbrevs_and_end, uint8_t{0});
    ElfBuilder builder;
    builder.segment_of(builder.section({.name = ".text",
                                        .type = SHT_PROGBITS,
                                        .flags = SHF_ALLOC | SHF_EXECINSTR,
                                        .address = kCode,
                                        .bytes = ByteVector(kCodeBytes)}),
                       PT_LOAD, PF_R | PF_X);
    builder.section({.name = ".debug_info", .type = SHT_PROGBITS, .bytes = info});
    builder.section({.name = ".debug_abbrev", .type = SHT_PROGBITS, .bytes = abbrevs_and_end});
    builder.section({.name = ".debug_ranges", .type = SHT_PROGBITS, .bytes = std::move(ranges)});
    return builder.build();
  }

 private:
  static constexpr size_t kFirstEntry = 4 + 2 + 4 + 1, kRootBytes = 1 + 8 + 8;
  static void append_all(ByteVector& to, const ByteVector& from) { to.insert(to.end(), from.begin(), from.end()); }
};

Symbolized ask(const UnitBuilder& unit, ByteVector ranges = {}) {
  TestFile file(unit.elf(std::move(ranges)));
  EXPECT_TRUE(file.elf) << file.elf.error().message;
  return symbolize(*file.elf, {ElfAddress(kCode + 8)});
}

TEST(HostileDwarf, TheUnitOfTheseTestsIsFine) {
  UnitBuilder unit;
  unit.abbrev({2, 0x2e, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0});  // a subprogram: name, low_pc, high_pc
  unit.entry({2, 'f', 0});
  unit.range();
  const auto found = ask(unit);
  EXPECT_EQ(found.counts.units_broken, 0u) << found.counts.problem;
  EXPECT_EQ(found.texts.at(kCode + 8), "f :0\n");
}

// Where an entry's children end is said for those who do not look for functions there.
TEST(HostileDwarf, AFunctionInsideATypeIsFoundAllTheSame) {
  UnitBuilder unit;
  unit.abbrev({2, 0x2e, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0});
  unit.abbrev({3, 0x13, 1, 0x01, 0x13, 0, 0});  // a structure with sibling: ref4
  const uint32_t sibling = unit.offset() + 5 + 3 + 16 + 1;
  unit.entry({3});
  append(unit.entries, sibling);
  unit.entry({2, 'f', 0});
  unit.range();
  unit.entry({0});
  ASSERT_EQ(unit.offset(), sibling);
  const auto found = ask(unit);
  EXPECT_EQ(found.counts.units_broken, 0u) << found.counts.problem;
  EXPECT_EQ(found.texts.at(kCode + 8), "f :0\n");
  EXPECT_EQ(found.counts.dies, 3u + 5u);  // of the first pass, and of the second
}

TEST(HostileDwarf, NamesThatReferToThemselvesAreUnknown) {
  UnitBuilder unit;
  unit.abbrev({2, 0x2e, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0});  // abstract_origin: ref4
  const uint32_t self = unit.offset();
  unit.entry({2});
  append(unit.entries, self);
  unit.range();
  EXPECT_EQ(ask(unit).texts.at(kCode + 8), " :0\n");
}

TEST(HostileDwarf, ChainsAreCutInTheMiddle) {
  constexpr int kDepth = 200;
  UnitBuilder unit;
  unit.abbrev({2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0});
  unit.abbrev({3, 0x1d, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0x59, 0x0b, 0, 0});  // inlined, call_line
  unit.entry({2, 'f', 0});
  unit.range();
  for (int i = 0; i < kDepth; ++i) {
    unit.entry({3, 'a' + i % 26, 0});
    unit.range();
    unit.entry({i});
  }
  const auto found = ask(unit);
  EXPECT_EQ(found.counts.chains_cut, 1u);
  const std::string& text = found.texts.at(kCode + 8);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), static_cast<ptrdiff_t>(dwarf::kMaxInlined));
  EXPECT_TRUE(text.starts_with(fmt::format("inlined {} :0\ninlined ", static_cast<char>('a' + (kDepth - 1) % 26))));
  EXPECT_TRUE(text.ends_with("\nf :0\n"));  // the call of the first one inlined has line 0
}

TEST(HostileDwarf, EntriesNestedWithoutEndCostTheirUnit) {
  UnitBuilder unit;
  unit.abbrev({2, 0x0b, 1, 0, 0});
  for (int i = 0; i < 100'000; ++i) unit.entry({2});
  const auto found = ask(unit);
  EXPECT_EQ(found.counts.units_broken, 1u);
  EXPECT_NE(found.counts.problem.find("nested"), std::string::npos) << found.counts.problem;
}

TEST(HostileDwarf, ASiblingThatGoesBackCostsTheUnit) {
  UnitBuilder unit;
  unit.abbrev({2, 0x13, 1, 0x01, 0x13, 0, 0});  // a structure with sibling: ref4
  const uint32_t self = unit.offset();
  unit.entry({2});
  append(unit.entries, self);
  const auto found = ask(unit);
  EXPECT_EQ(found.counts.units_broken, 1u);
  EXPECT_NE(found.counts.problem.find("sibling"), std::string::npos) << found.counts.problem;
}

TEST(HostileDwarf, UnknownCodesAndFormsCostTheUnit) {
  UnitBuilder code;
  code.entry({77});
  EXPECT_EQ(ask(code).counts.units_broken, 1u);
  UnitBuilder form;
  form.abbrev({2, 0x34, 0, 0x03, 0x7f, 0, 0});
  form.entry({2, 0});
  EXPECT_EQ(ask(form).counts.units_broken, 1u);
}

// Each of many functions has the same list of very many ranges.
TEST(HostileDwarf, WorkEndsTheJob) {
  UnitBuilder unit;
  unit.abbrev({2, 0x2e, 0, 0x55, 0x06, 0, 0});  // ranges: data4
  for (int i = 0; i < 2000; ++i) unit.entry({2, 0, 0, 0, 0});
  ByteVector ranges;
  for (int i = 0; i < 900'000; ++i) {
    append(ranges, uint64_t{1});
    append(ranges, uint64_t{2});
  }
  ranges.resize(ranges.size() + 16);
  const auto found = ask(unit, std::move(ranges));
  ASSERT_TRUE(found.error);
  EXPECT_EQ(found.error->code, Errc::too_large);
}

TEST(HostileDwarf, AUnitThatEndsPastItsSectionHidesOnlyWhatFollows) {
  UnitBuilder unit;
  unit.abbrev({2, 0x2e, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0});
  unit.entry({2, 'f', 0});
  unit.range();
  ByteVector file = unit.elf();
  TestFile good(file);
  const Section* info = good.elf->find_section(".debug_info");
  const uint32_t too_long = static_cast<uint32_t>(info->size);
  std::memcpy(file.data() + info->offset.value, &too_long, 4);
  TestFile bad(file);
  const auto found = symbolize(*bad.elf, {ElfAddress(kCode + 8)});
  EXPECT_TRUE(found.texts.empty());
  EXPECT_EQ(found.counts.units_broken, 1u);
}

// A small file that decompresses to a large section: nothing that a compiler writes.
TEST(HostileDwarf, ACompressedSectionOfNothingIsNotDecompressed) {
  const uint64_t size = 64u << 20;
  std::vector<unsigned char> packed(compressBound(size));
  uLongf packed_size = packed.size();
  ASSERT_EQ(compress(packed.data(), &packed_size, std::vector<unsigned char>(size).data(), size), Z_OK);
  ByteVector section;
  append(section, Elf64_Chdr{.ch_type = ELFCOMPRESS_ZLIB, .ch_size = size, .ch_addralign = 1});
  const auto* first = reinterpret_cast<const std::byte*>(packed.data());
  section.insert(section.end(), first, first + packed_size);
  ElfBuilder builder;
  builder.section({.name = ".debug_info", .type = SHT_PROGBITS, .flags = SHF_COMPRESSED, .bytes = section});
  TestFile file(builder.build());
  const auto found = symbolize(*file.elf, {ElfAddress(kCode)});
  EXPECT_EQ(found.counts.units_broken, 1u);
  EXPECT_NE(found.counts.problem.find("unpacked"), std::string::npos) << found.counts.problem;
}

// Nothing is expected but an end, and no step outside what was read (the sanitizers watch).
TEST(HostileDwarf, SurvivesChangedBytes) {
  for (const char* name : {"gcc-dwarf5.so", "clang-dwarf5.so", "clang-dwarf4.so", "gcc-lto.so", "gcc-zlib.so"}) {
    const ByteVector good = read_data(name);
    const TestFile whole(good);
    const auto addresses = all_addresses(*whole.elf);
    std::vector<size_t> places;  // of .debug_*
    for (const Section& section : whole.elf->sections())
      if (section.name.starts_with(".debug_"))
        for (uint64_t i = 0; i < section.size; ++i) places.push_back(section.offset.value + i);
    std::mt19937 random(1);
    size_t different = 0;
    const auto expected = symbolize(*whole.elf, addresses);
    for (int round = 0; round < 400; ++round) {
      ByteVector changed = good;
      for (int i = 0; i <= round % 3; ++i) changed[places[random() % places.size()]] = std::byte(random());
      TestFile file(std::move(changed));
      different += symbolize(*file.elf, addresses).texts != expected.texts;
    }
    EXPECT_GT(different, 20u) << name;  // the changes hit something
  }
}

}  // namespace
}  // namespace splitprof
