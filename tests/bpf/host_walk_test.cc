// SPDX-License-Identifier: Apache-2.0
//
// HostWalk over a copy of this process's own stack, made as BPF makes it: registers, and bytes from the stack pointer
// on. The oracle is libgcc's unwinder.
#include "processor/unwind/host_walk.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "processor/elf/local_file.h"
#include "processor/processes/mappings.h"
#include "processor/unwind/table.h"
#include "tests/own_stack.h"

namespace splitprof {
namespace {

StackCopy copy_of(const Snapshot& snapshot) {
  return {snapshot.registers, snapshot.address, snapshot.bytes};
}

// The files of this process, as the processor would have compiled them.
class OwnFiles {
 public:
  OwnFiles() {
    std::string text;
    FILE* maps = fopen("/proc/self/maps", "r");
    for (int c; (c = fgetc(maps)) != EOF;) text += static_cast<char>(c);
    fclose(maps);
    for (const auto& mapping : parse_mappings(text).mappings) {
      sp_mapping listed{mapping.start.value, 0, static_cast<uint32_t>(mapping.length / 4096), 0};
      if (mapping.file.path.starts_with('/')) {
        auto file = LocalFile::open_path(mapping.file.path.c_str());
        auto elf = ElfFile::open(**file);
        listed.bias = mapping.start.value - elf->address_of(mapping.file_offset)->value;
        numbers.push_back(static_cast<uint32_t>(tables.size() + 1));
        tables.push_back(compile_table(*elf)->table);
      } else {
        numbers.push_back(0);
      }
      mappings.push_back(listed);
    }
  }
  void install(HostTables& into) const {
    for (size_t i = 0; i < tables.size(); ++i) ASSERT_TRUE(into.add(static_cast<uint32_t>(i + 1), tables[i]));
  }
  std::vector<sp_mapping> list(const HostTables& from) const {
    auto list = mappings;
    for (size_t i = 0; i < list.size(); ++i)
      if (numbers[i] != 0) list[i].table = from.find(numbers[i]) != 0 ? from.find(numbers[i]) : SP_TABLE_PENDING;
    return list;
  }
  std::vector<sp_mapping> mappings;
  std::vector<uint32_t> numbers;  // of each mapping's file; 0: none
  std::vector<InstallTable> tables;
};

const OwnFiles& own_files() {
  static const OwnFiles files;
  return files;
}

class HostWalkTest : public ::testing::Test {
 protected:
  HostWalkTest() {
    own_files().install(tables_);
    walk_.set_mappings(own_files().list(tables_));
  }
  static std::vector<uint64_t> words(std::span<const sp_cell> cells) {
    std::vector<uint64_t> words;
    for (const auto& cell : cells) words.push_back(cell.word);
    return words;
  }
  void expect_like_the_oracle(const Snapshot& snapshot) {
    auto ours = words(walk_.leaf_cells());
    ASSERT_EQ(ours.size(), snapshot.oracle.size());
    for (size_t i = 1; i < ours.size(); ++i) EXPECT_EQ(ours[i], snapshot.oracle[i]) << "frame " << i;
  }
  HostTables tables_;
  HostWalk walk_{tables_};
};

TEST_F(HostWalkTest, FindsTheFramesThatLibgccFinds) {
  for (int depth : {0, 1, 30, 200}) {
    SCOPED_TRACE(depth);
    Snapshot snapshot;
    recurse(depth, snapshot, SP_MAX_STACK_BYTES);
    EXPECT_EQ(walk_.walk(copy_of(snapshot)), snapshot.oracle.size());
    EXPECT_EQ(walk_.end(), SP_COUNT_complete);
    expect_like_the_oracle(snapshot);
    EXPECT_EQ(SP_FRAME_FLAGS(walk_.leaf_cells()[0].header), 0);
    EXPECT_EQ(SP_FRAME_FLAGS(walk_.leaf_cells()[1].header), SP_FRAME_RETURN_ADDRESS);
  }
}

TEST_F(HostWalkTest, NamesTheEndOfTheCopy) {
  Snapshot snapshot;
  recurse(100, snapshot, 1024);
  EXPECT_GT(walk_.walk(copy_of(snapshot)), 3u);
  EXPECT_EQ(walk_.end(), SP_COUNT_stack_copy_end);
  const auto ours = words(walk_.leaf_cells());
  ASSERT_LT(ours.size(), snapshot.oracle.size());
  EXPECT_TRUE(std::equal(ours.begin() + 1, ours.end(), snapshot.oracle.begin() + 1));
}

TEST_F(HostWalkTest, KeepsBothSidesOfADeepStack) {
  Snapshot snapshot;
  recurse(2000, snapshot, 1 << 20);  // more than BPF copies, as these frames are large
  const uint32_t frames = walk_.walk(copy_of(snapshot));
  ASSERT_EQ(frames, snapshot.oracle.size());
  EXPECT_EQ(walk_.end(), SP_COUNT_complete);
  const auto leaf = words(walk_.leaf_cells()), root = words(walk_.root_cells());
  ASSERT_EQ(leaf.size() + walk_.left_out() + root.size(), frames);
  EXPECT_TRUE(std::equal(leaf.begin() + 1, leaf.end(), snapshot.oracle.begin() + 1));
  EXPECT_TRUE(std::equal(root.rbegin(), root.rend(), snapshot.oracle.rbegin()));
}

TEST_F(HostWalkTest, SaysWhichTableIsMissing) {
  Snapshot snapshot;
  recurse(3, snapshot, SP_MAX_STACK_BYTES);
  auto list = own_files().list(tables_);
  const auto pc = snapshot.oracle.back() - 1;  // _start's, in this program or, for its caller, in libc
  const auto of_pc =
      std::find_if(list.begin(), list.end(), [&](const auto& m) { return pc - m.start < m.n_pages * 4096ull; });
  ASSERT_NE(of_pc, list.end());
  of_pc->table = SP_TABLE_PENDING;
  walk_.set_mappings(list);
  walk_.walk(copy_of(snapshot));
  EXPECT_EQ(walk_.end(), SP_COUNT_table_pending);
  EXPECT_LT(walk_.pending_address() - of_pc->start, of_pc->n_pages * 4096ull);
}

TEST_F(HostWalkTest, RefusesRegistersOfAnotherMachine) {
  const std::vector<uint64_t> registers(5);
  EXPECT_EQ(walk_.walk({registers, 0, {}}), 0u);
  EXPECT_EQ(walk_.end(), SP_COUNT_no_registers);
}

// A hostile stack: a signal frame that leads to itself.
TEST_F(HostWalkTest, EndsWhereAStackLeadsBackToItself) {
  InstallTable table{.rules = {0, SP_CFA_ASK, SP_CFA_SIGNAL}, .first_page = 0, .counts = {1}, .rows = {SP_ROW(0, 2)}};
  ASSERT_TRUE(tables_.add(1000, table));
  const sp_mapping mapping{0x10000, 0x10000, 16, tables_.find(1000)};
  walk_.set_mappings({&mapping, 1});
  constexpr uint64_t kSp = 0x7000;
  std::vector<uint64_t> stack(64);
  stack[5 + 15] = kSp;      // rsp
  stack[5 + 16] = 0x10010;  // rip
  std::vector<uint64_t> registers(17);
  registers[7] = kSp;
  registers[16] = 0x10000;
  EXPECT_EQ(walk_.walk({registers, kSp, std::as_bytes(std::span(stack))}), SP_MAX_STACK_BYTES / 8);
  EXPECT_EQ(walk_.end(), SP_COUNT_too_many_frames);
}

TEST(HostTablesTest, ForgetsTheOldestWhenAllChunksAreUsedAndNeverMixesTablesUp) {
  HostTables tables(3);
  // Each table takes about a third of a chunk; its only rule says which one it is.
  const auto table_of = [](uint32_t number) {
    InstallTable table{.rules = {0, SP_CFA_ASK, number << 8 | SP_CFA_SP}, .first_page = 7, .counts = {20000}};
    for (uint32_t i = 0; i < 20000; ++i) table.rows.push_back(SP_ROW(i * 2, i % 2 == 0 ? 2 : 0));
    return table;
  };
  for (uint32_t number = 1; number <= 100; ++number) {
    ASSERT_TRUE(tables.add(number, table_of(number)));
    if (number % 10 == 0) {  // again
      ASSERT_TRUE(tables.add(number - 1, table_of(number - 1)));
    }
    for (uint32_t known = 1; known <= number; ++known) {
      const uint32_t table = tables.find(known);
      if (table == 0) {
        ASSERT_NE(known, number);
        continue;
      }
      const auto* executable = tables.executable(SP_TABLE_INDEX(table));
      ASSERT_EQ(executable->generation & SP_TABLE_GENERATION_MASK, SP_TABLE_GENERATION(table));
      ASSERT_EQ(executable->first_page, 7u);
      const auto* index = tables.chunk(SP_REF_SLOT(executable->pages))->words + SP_REF_WORD(executable->pages);
      ASSERT_EQ(index[0], executable->generation);
      ASSERT_EQ(index[3], 20000u);
      const auto* rows = tables.chunk(SP_REF_SLOT(index[2]))->words + SP_REF_WORD(index[2]);
      ASSERT_EQ(rows[0], executable->generation);
      const auto* rule = tables.rule(SP_ROW_RULE(rows[1]));
      ASSERT_EQ(rule_word(*rule), known << 8 | SP_CFA_SP) << known;
    }
  }
  EXPECT_EQ(tables.find(1), 0u);
  EXPECT_GE(tables.tables(), 5u);
  EXPECT_LE(tables.tables(), 9u);
  EXPECT_LE(tables.memory_bytes(), 3 * sizeof(sp_chunk) + (1u << 20));
}

TEST(HostTablesTest, StartsAnewWhenThereAreTooManyRules) {
  HostTables tables;
  for (uint32_t number = 1; number <= 20; ++number) {
    InstallTable table{.rules = {0, SP_CFA_ASK}, .counts = {1}, .rows = {SP_ROW(0, 2)}};
    for (uint32_t rule = 0; rule < 4000; ++rule)
      table.rules.push_back(uint64_t{number} << 40 | uint64_t{rule} << 8 | SP_CFA_SP);
    ASSERT_TRUE(tables.add(number, table));
    ASSERT_NE(tables.find(number), 0u);
    ASSERT_EQ(tables.find(1) != 0, number <= 8) << number;
  }
}

TEST(HostTablesTest, RefusesWhatWouldTakeMostOfItsMemory) {
  HostTables tables(3);
  InstallTable table{.rules = {0, SP_CFA_ASK}, .counts = {30000, 30000, 30000}};
  for (uint32_t page = 0; page < 3; ++page)
    for (uint32_t i = 0; i < 30000; ++i) table.rows.push_back(SP_ROW(i, i % 2));
  EXPECT_FALSE(tables.add(1, table));
  EXPECT_EQ(tables.find(1), 0u);
}

}  // namespace
}  // namespace splitprof
