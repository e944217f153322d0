// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/gopclntab.h"

#include <gtest/gtest.h>

#include "processor/elf/local_file.h"
#include "tests/processor/elf/go_table_builder.h"

namespace splitprof {
namespace {

using testing::bytes_of;
using testing::ByteVector;
using testing::ElfBuilder;
using testing::GoTableBuilder;
using Layout = GoTable::Layout;

GoTableBuilder two_functions(Layout layout) {
  GoTableBuilder builder(layout);
  builder.function("main.main", {{0, 5}, {40, 200}, {0, 3}});
  builder.function("runtime.goexit", {{0, 16}}, kGoTopFrame | kGoAssembly);
  return builder;
}

TEST(GoTable, ReadsEveryLayout) {
  for (const Layout layout : {Layout::go1_2, Layout::go1_16, Layout::go1_18, Layout::go1_20}) {
    SCOPED_TRACE(static_cast<int>(layout));
    const GoSection section = two_functions(layout).build();
    const auto table = GoTable::parse(section);
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->layout(), layout);
    ASSERT_EQ(table->size(), 2u);
    const auto first = table->function(0);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->start, ElfAddress(0x1000));
    EXPECT_EQ(first->end, ElfAddress(0x1000 + 208));
    EXPECT_EQ(*table->name(*first), "main.main");
    GoRuns runs = table->runs(first->sp_table);
    std::vector<std::pair<uint64_t, int32_t>> found;
    while (const auto run = runs.next()) found.emplace_back(run->end, run->value);
    EXPECT_EQ(found, (std::vector<std::pair<uint64_t, int32_t>>{{5, 0}, {205, 40}, {208, 0}}));
    const auto second = table->function(1);
    ASSERT_TRUE(second);
    EXPECT_EQ(*table->name(*second), "runtime.goexit");
    EXPECT_EQ(second->flags, layout == Layout::go1_2 ? 0 : kGoTopFrame | kGoAssembly);
    EXPECT_EQ(second->end, table->start_of(2));
    EXPECT_EQ(table->function(2).error().code, Errc::not_found);
  }
}

TEST(GoTable, FindsTheFunctionOfAnAddress) {
  const GoSection section = two_functions(Layout::go1_20).build();
  const auto table = GoTable::parse(section);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->find(ElfAddress(0xfff)), std::nullopt);
  EXPECT_EQ(table->find(ElfAddress(0x1000)), 0u);
  EXPECT_EQ(table->find(ElfAddress(0x1000 + 207)), 0u);
  EXPECT_EQ(table->find(ElfAddress(0x1000 + 208)), 1u);
  EXPECT_EQ(table->find(ElfAddress(0x1000 + 224)), std::nullopt);
}

TEST(GoTable, TakesTextFromElsewhereWhereTheHeaderIsSilent) {
  GoSection section = two_functions(Layout::go1_20).build(false);
  auto table = GoTable::parse(section);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->start_of(0), ElfAddress(0x1000));
  section.text = {};
  EXPECT_EQ(GoTable::parse(section).error().code, Errc::unsupported);
}

TEST(GoTable, RefusesWhatIsCutOffAnywhere) {
  for (const Layout layout : {Layout::go1_2, Layout::go1_16, Layout::go1_18, Layout::go1_20}) {
    const GoSection whole = two_functions(layout).build();
    size_t whole_functions = 0;
    for (size_t size = 0; size < whole.bytes.size(); ++size) {
      GoSection section = whole;
      section.bytes.resize(size);
      const auto table = GoTable::parse(section);
      if (!table) continue;
      for (uint32_t i = 0; i < table->size(); ++i) {
        const auto function = table->function(i);
        if (!function) continue;
        ++whole_functions;
        (void)table->name(*function);
        GoRuns runs = table->runs(function->sp_table);
        while (runs.next()) continue;
      }
    }
    EXPECT_GT(whole_functions, 0u);
  }
}

TEST(GoTable, RefusesMoreFunctionsThanThereCanBe) {
  GoSection section = two_functions(Layout::go1_20).build();
  section.bytes[8 + 3] = std::byte{0xff};
  EXPECT_EQ(GoTable::parse(section).error().code, Errc::too_large);
}

TEST(GoTable, IsFoundInsideAnotherSection) {
  const GoSection section = two_functions(Layout::go1_18).build();
  ByteVector data(24);
  data.insert(data.end(), section.bytes.begin(), section.bytes.end());
  ElfBuilder builder;
  builder.section({.name = ".go.buildinfo", .type = SHT_PROGBITS, .address = 0x4000});
  builder.section({.name = ".data.rel.ro", .type = SHT_PROGBITS, .address = 0x5000, .bytes = data});
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  const auto found = read_gopclntab(*elf);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->address, ElfAddress(0x5000 + 24));
  EXPECT_EQ(found->bytes, section.bytes);
  EXPECT_EQ(GoTable::parse(*found)->size(), 2u);
}

TEST(GoTable, LearnsFromTheModuleWhereTextBegins) {
  const GoSection section = two_functions(Layout::go1_20).build(false);
  for (const uint64_t claimed : {uint64_t{0x5000}, uint64_t{0x5001}}) {
    ByteVector module(30 * 8);
    const uint64_t text = 0x1000;
    std::memcpy(module.data(), &claimed, sizeof claimed);
    std::memcpy(module.data() + 22 * 8, &text, sizeof text);
    ElfBuilder builder;
    builder.section({.name = ".text", .type = SHT_PROGBITS, .address = 0x800, .bytes = ByteVector(16)});
    builder.section({.name = ".gopclntab", .type = SHT_PROGBITS, .address = 0x5000, .bytes = section.bytes});
    builder.section({.name = ".go.module", .type = SHT_PROGBITS, .address = 0x7000, .bytes = module});
    MemoryFile file(builder.build());
    const auto elf = ElfFile::open(file);
    const auto found = read_gopclntab(*elf);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->text, ElfAddress(claimed == 0x5000 ? 0x1000 : 0x800)) << "a module of another table says nothing";
  }
}

TEST(GoTable, SaysWhenThereIsNone) {
  ElfBuilder builder;
  builder.section({.name = ".data.rel.ro", .type = SHT_PROGBITS, .address = 0x5000, .bytes = ByteVector(100)});
  MemoryFile file(builder.build());
  EXPECT_EQ(read_gopclntab(*ElfFile::open(file)).error().code, Errc::not_found);
}

}  // namespace
}  // namespace splitprof
