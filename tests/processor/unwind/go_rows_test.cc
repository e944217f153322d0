// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/go_rows.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "processor/elf/local_file.h"
#include "processor/unwind/call_frames.h"
#include "processor/unwind/cfi.h"
#include "processor/unwind/table.h"
#include "tests/processor/elf/go_table_builder.h"
#include "tests/processor/unwind/table_lookup.h"

namespace splitprof {
namespace {

using namespace splitprof::testing;
using Layout = GoTable::Layout;

constexpr uint64_t kText = 0x1000;
constexpr uint8_t kPushed = SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_CFA_8);
const uint64_t kAtEntry = rule_word({SP_CFA_SP, 0, 0, 8});
const uint64_t kEnd = rule_word({.cfa = SP_CFA_END});
const uint64_t kOtherStack = rule_word({SP_CFA_FP_SWITCH, kPushed, -16, 16});
const uint64_t kSignal = rule_word({.cfa = SP_CFA_SIGNAL});
const uint64_t kNone = rule_word({.cfa = SP_CFA_NONE});
const uint64_t kAsk = rule_word({.cfa = SP_CFA_ASK});

uint64_t frame_of(int32_t bytes) {
  return rule_word({SP_CFA_SP, kPushed, -16, bytes + 8});
}

CompiledTable compile(const GoTableBuilder& builder, Machine machine = Machine::x86_64) {
  GoSection section = builder.build();
  auto table = GoTable::parse(section);
  EXPECT_TRUE(table);
  GoRows rows(std::move(section), std::move(*table), machine);
  RowSource* sources[] = {&rows};
  const Segment code{.address = ElfAddress(kText), .memory_size = 1 << 20, .executable = true};
  auto compiled = compile_rows(sources, std::span(&code, 1));
  EXPECT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(broken_promise(compiled->table), "");
  return std::move(*compiled);
}

TEST(GoRows, FollowTheFrameSize) {
  GoTableBuilder builder(Layout::go1_20);
  builder.function("main.work", {{0, 4}, {8, 3}, {72, 20}, {8, 1}, {0, 4}});
  const CompiledTable compiled = compile(builder);
  EXPECT_EQ(compiled.rows, 5u);
  const TableLookup lookup(compiled.table);
  EXPECT_EQ(lookup.find(kText + 3), kAtEntry);
  EXPECT_EQ(lookup.find(kText + 4), frame_of(8));
  EXPECT_EQ(lookup.find(kText + 7), frame_of(72));
  EXPECT_EQ(lookup.find(kText + 27), frame_of(8));
  EXPECT_EQ(lookup.find(kText + 31), kAtEntry);
  EXPECT_EQ(lookup.find(kText + 32), kNone);
}

TEST(GoRows, KnowTheRuntimesOwnFunctions) {
  GoTableBuilder builder(Layout::go1_20);
  builder.function("runtime.goexit", {{0, 16}}, kGoTopFrame | kGoAssembly);
  builder.function("runtime.systemstack", {{0, 1}, {8, 30}, {0, 1}}, kGoWritesSp | kGoAssembly);
  builder.function("runtime.asmcgocall", {{0, 32}}, kGoWritesSp | kGoAssembly);
  builder.function("runtime.cgocallback", {{0, 8}, {24, 24}}, kGoWritesSp | kGoAssembly);
  builder.function("runtime.sigtramp", {{0, 8}, {200, 24}}, kGoTopFrame | kGoAssembly);
  builder.function("runtime.sigreturn__sigaction", {{0, 16}}, kGoAssembly);
  const CompiledTable compiled = compile(builder);
  const TableLookup lookup(compiled.table);
  EXPECT_EQ(lookup.find(kText), kEnd);
  EXPECT_EQ(lookup.find(kText + 16), kAtEntry) << "still on the caller's stack";
  EXPECT_EQ(lookup.find(kText + 17), kOtherStack);
  EXPECT_EQ(lookup.find(kText + 47), kAtEntry);
  EXPECT_EQ(lookup.find(kText + 48), kOtherStack) << "a frame of its own would say when it has changed over";
  EXPECT_EQ(lookup.find(kText + 90), frame_of(24)) << "its frame is the same on both stacks";
  EXPECT_EQ(lookup.find(kText + 130), frame_of(200)) << "what a signal interrupted is on the stack, too";
  EXPECT_EQ(lookup.find(kText + 142), frame_of(200));
  EXPECT_EQ(lookup.find(kText + 143), kSignal) << "where the return address is looked up";
  EXPECT_EQ(lookup.find(kText + 144), kSignal);
}

TEST(GoRows, GoByNamesWhereThereAreNoFlags) {
  for (const Layout layout : {Layout::go1_2, Layout::go1_16}) {
    GoTableBuilder builder(layout);
    builder.function("runtime.goexit", {{0, 16}});
    builder.function("runtime.systemstack", {{0, 16}});
    builder.function("main.systemstack", {{0, 16}});
    const CompiledTable compiled = compile(builder);
    const TableLookup lookup(compiled.table);
    EXPECT_EQ(lookup.find(kText), kEnd);
    EXPECT_EQ(lookup.find(kText + 16), kOtherStack);
    EXPECT_EQ(lookup.find(kText + 32), kAtEntry);
  }
}

TEST(GoRows, OfArm64FindTheReturnAddressInItsRegisterOrAtTheStackPointer) {
  GoTableBuilder builder(Layout::go1_20);
  builder.function("main.work", {{0, 4}, {48, 20}});
  builder.function("main.huge", {{0, 4}, {40000, 20}});
  const CompiledTable compiled = compile(builder, Machine::arm64);
  const TableLookup lookup(compiled.table);
  EXPECT_EQ(lookup.find(kText), rule_word({SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_REGISTER), 0, 0}));
  EXPECT_EQ(lookup.find(kText + 4), rule_word({SP_CFA_SP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_AFTER_FP), -56, 48}));
  EXPECT_EQ(lookup.find(kText + 28), kAsk);
}

TEST(GoRows, AskWhereTheFrameSizeIsImpossible) {
  GoTableBuilder builder(Layout::go1_20);
  builder.function("main.work", {{-8, 4}, {INT32_MAX, 4}, {8, 4}});
  const CompiledTable compiled = compile(builder);
  const TableLookup lookup(compiled.table);
  EXPECT_EQ(lookup.find(kText), kAsk);
  EXPECT_EQ(lookup.find(kText + 4), kAsk);
  EXPECT_EQ(lookup.find(kText + 8), frame_of(8));
}

// The programs that Go's toolchain has made here, with everything and stripped. Its own .debug_frame is the oracle: the
// same linker writes it for debuggers, from the same frame sizes.
class GoProgram : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef SPLITPROF_GO_PROGRAM
    GTEST_SKIP() << "no Go toolchain when this was configured";
#endif
  }
};

#ifdef SPLITPROF_GO_PROGRAM
TEST_F(GoProgram, HasTheRowsOfItsDebugFrame) {
  const auto local = LocalFile::open_path(SPLITPROF_GO_PROGRAM);
  ASSERT_TRUE(local) << local.error().message;
  const auto elf = ElfFile::open(**local);
  ASSERT_TRUE(elf);
  auto section = read_gopclntab(*elf);
  ASSERT_TRUE(section) << section.error().message;
  const auto table = GoTable::parse(*section);
  ASSERT_TRUE(table) << table.error().message;
  const auto compiled = compile_table(*elf);
  ASSERT_TRUE(compiled) << compiled.error().message;
  const TableLookup lookup(compiled->table);
  const auto frames = read_debug_frame(*elf);
  ASSERT_TRUE(frames) << frames.error().message;
  CallFrameReader reader(Bytes(frames->bytes), frames->address, frames->format);
  CfiRunner runner(elf->machine());
  std::vector<Row> rows;
  size_t compared = 0;
  std::map<std::string, size_t> special;
  while (const auto fde = reader.next()) {
    const auto index = table->find(fde->start);
    ASSERT_TRUE(index) << std::hex << fde->start.value;
    const auto name = table->name(*table->function(*index));
    ASSERT_TRUE(name);
    ASSERT_TRUE(runner.run(*fde, rows)) << *name;
    for (const Row& row : rows) {
      const auto rule = std::bit_cast<sp_rule>(lookup.find(row.start.value));
      if (rule.cfa == SP_CFA_END || rule.cfa == SP_CFA_FP_SWITCH || rule.cfa == SP_CFA_SIGNAL ||
          (rule.cfa == SP_CFA_ASK && *name == "syscall.rawVforkSyscall")) {  // it pops its own return address
        ++special[std::string(*name)];
        continue;
      }
      ASSERT_EQ(int{rule.cfa}, int{SP_CFA_SP}) << *name << std::hex << " " << row.start.value;
      ASSERT_EQ(rule.cfa_offset, row.cfa.offset) << *name << std::hex << " " << row.start.value;
      ++compared;
    }
  }
  EXPECT_GT(compared, 5000u);
  EXPECT_LT(special.size(), 30u);
  for (const char* name : {"runtime.goexit", "runtime.systemstack", "runtime.mcall", "runtime.mstart"})
    EXPECT_EQ(special.count(name), 1u) << name;
}

TEST_F(GoProgram, LosesNothingWhenItIsStripped) {
  std::vector<CompiledTable> tables;
  for (const char* path : {SPLITPROF_GO_PROGRAM, SPLITPROF_GO_PROGRAM "_stripped"}) {
    const auto local = LocalFile::open_path(path);
    ASSERT_TRUE(local) << local.error().message;
    const auto elf = ElfFile::open(**local);
    ASSERT_TRUE(elf);
    auto compiled = compile_table(*elf);
    ASSERT_TRUE(compiled) << path << ": " << compiled.error().message;
    EXPECT_EQ(compiled->broken, 0u);
    tables.push_back(std::move(*compiled));
  }
  EXPECT_EQ(tables[0].table.rows, tables[1].table.rows);
  EXPECT_EQ(tables[0].table.rules, tables[1].table.rules);
}
#endif

}  // namespace
}  // namespace splitprof
