// SPDX-License-Identifier: Apache-2.0
//
// The arena and the tables in it, over real BPF maps.
#include "sampler/tables/table.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "sampler/limits.h"
#include "sampler/tables/mapping_lists.h"
#include "tests/sampler/tables/bpf_maps.h"

namespace splitprof {
namespace {

class Tables : public BpfMaps {
 protected:
  void SetUp() override {
    BpfMaps::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    executables_ = make_map(BPF_MAP_TYPE_ARRAY, "executables", sizeof(sp_executable), SP_MAX_EXECUTABLES);
    rules_map_ = make_map(BPF_MAP_TYPE_ARRAY, "rules", sizeof(sp_rule), SP_MAX_RULES);
    rules_ = std::make_unique<Rules>(rules_map_);
  }
  std::vector<uint32_t> read_block(uint32_t ref, uint32_t words) {
    const uint32_t slot = SP_REF_SLOT(ref), zero = 0;
    uint32_t id = 0;
    std::vector<uint32_t> chunk(SP_CHUNK_WORDS);
    EXPECT_EQ(bpf_map_lookup_elem(outer_, &slot, &id), 0);
    const kj::AutoCloseFd inner(bpf_map_get_fd_by_id(id));
    EXPECT_EQ(bpf_map_lookup_elem(inner, &zero, chunk.data()), 0);
    const auto begin = chunk.begin() + SP_REF_WORD(ref);
    return {begin, begin + words};
  }
  sp_executable read_executable(uint32_t id) {
    sp_executable entry{};
    const uint32_t index = SP_TABLE_INDEX(id);
    EXPECT_EQ(bpf_map_lookup_elem(executables_, &index, &entry), 0);
    return entry;
  }
  ~Tables() noexcept override = default;

  kj::AutoCloseFd executables_, rules_map_;
  std::unique_ptr<Rules> rules_;
};

TEST_F(Tables, BlocksNeverOverlapAndKeepWhatWasWritten) {
  std::mt19937 random(7);
  struct Kept {
    Block block;
    uint32_t mark;
  };
  std::deque<Kept> kept;
  for (uint32_t round = 1; round < 2000; ++round) {
    if (kept.empty() || random() % 5 < 3) {
      const auto block = arena_->allocate(1 + random() % 3000);
      if (block) {
        arena_->write(*block, std::vector<uint32_t>(block->words, round));
        kept.push_back({*block, round});
        continue;
      }
    }
    const auto victim = kept.begin() + random() % kept.size();
    arena_->free(victim->block);
    kept.erase(victim);
  }
  ASSERT_TRUE(arena_->flush());
  ASSERT_GT(kept.size(), 100u);
  for (const auto& [block, mark] : kept) {
    EXPECT_NE(block.ref, 0u);
    EXPECT_EQ(read_block(block.ref, block.words), std::vector<uint32_t>(block.words, mark));
  }
}

TEST_F(Tables, FreedRoomIsWholeAgain) {
  std::vector<Block> blocks;
  while (const auto block = arena_->allocate(1000)) blocks.push_back(*block);
  for (size_t i = 0; i < blocks.size(); i += 2) arena_->free(blocks[i]);
  for (size_t i = 1; i < blocks.size(); i += 2) arena_->free(blocks[i]);
  EXPECT_TRUE(arena_->allocate(SP_CHUNK_WORDS - 1));
}

TEST_F(Tables, ATableIsWhatBpfLooksUp) {
  const sp_rule rules[] = {{}, {.cfa = SP_CFA_ASK}, {.cfa = SP_CFA_SP, .saved = 0, .fp_offset = 0, .cfa_offset = 8}};
  auto table = std::make_unique<Table>(*arena_, *rules_, executables_, 5);
  ASSERT_TRUE(table->begin(rules, 16, 3));
  const uint16_t counts[] = {2, 0, 1};
  const uint32_t rows[] = {SP_ROW(0, 0), SP_ROW(0x40, 2), SP_ROW(0, 1)};
  ASSERT_TRUE(table->add_rows(0, counts, rows));
  EXPECT_EQ(read_executable(SP_TABLE(5, 0)).generation, 0u) << "not in force before commit";
  const auto id = table->commit();
  ASSERT_TRUE(id);
  const auto entry = read_executable(*id);
  EXPECT_EQ(entry.generation & SP_TABLE_GENERATION_MASK, SP_TABLE_GENERATION(*id));
  EXPECT_EQ(entry.first_page, 16u);
  ASSERT_EQ(entry.n_pages, 3u);
  const auto index = read_block(entry.pages, 2 + 3 * 2);
  EXPECT_EQ(index[0], entry.generation);
  EXPECT_EQ(index[3], 2u);
  EXPECT_EQ(index[4], 0u) << "no rows in the second page";
  const auto first = read_block(index[2], 3);
  EXPECT_EQ(first[0], entry.generation);
  EXPECT_EQ(first[1], SP_ROW(0, SP_RULE_NONE));
  EXPECT_EQ(SP_ROW_OFFSET(first[2]), 0x40u);
  const uint32_t number = SP_ROW_RULE(first[2]);
  sp_rule stored{};
  ASSERT_EQ(bpf_map_lookup_elem(rules_map_, &number, &stored), 0);
  EXPECT_EQ(stored.cfa_offset, 8);
  EXPECT_EQ(read_block(index[6], 2)[1], SP_ROW(0, SP_RULE_ASK));
  table.reset();
  EXPECT_EQ(read_executable(*id).generation, 0u) << "gone with its object";
}

TEST_F(Tables, RefusesRowsThatBpfCouldNotSearch) {
  const sp_rule rules[] = {{}};
  const auto refused = [&](uint32_t page, std::vector<uint16_t> counts, std::vector<uint32_t> rows) {
    Table table(*arena_, *rules_, executables_, 1);
    EXPECT_TRUE(table.begin(rules, 0, 2));
    const auto result = table.add_rows(page, counts, rows);
    return !result && result.error().code == Errc::malformed;
  };
  EXPECT_FALSE(refused(0, {1}, {SP_ROW(0, 0)}));
  EXPECT_TRUE(refused(0, {1}, {SP_ROW(4, 0)})) << "does not begin at the page's start";
  EXPECT_TRUE(refused(0, {2}, {SP_ROW(0, 0), SP_ROW(0, 0)})) << "does not ascend";
  EXPECT_TRUE(refused(0, {1}, {SP_ROW(0, 1)})) << "a rule that was not given";
  EXPECT_TRUE(refused(0, {2}, {SP_ROW(0, 0)})) << "fewer rows than said";
  EXPECT_TRUE(refused(0, {1}, {SP_ROW(0, 0), SP_ROW(4, 0)})) << "more rows than said";
  EXPECT_TRUE(refused(2, {1}, {SP_ROW(0, 0)})) << "past the last page";
  EXPECT_TRUE(refused(0, {0, 0, 1}, {SP_ROW(0, 0)})) << "runs past the last page";
}

TEST_F(Tables, RefusesRulesThatDoNotExist) {
  Table table(*arena_, *rules_, executables_, 1);
  const sp_rule odd[] = {{.cfa = SP_CFA_FP_SWITCH + 1}};
  EXPECT_FALSE(table.begin(odd, 0, 1));
  EXPECT_FALSE(Rules::valid({.cfa = SP_CFA_SP, .saved = 0x10}));
  EXPECT_FALSE(Rules::valid({.cfa = SP_CFA_SP | 0x30}));
  EXPECT_TRUE(Rules::valid({.cfa = SP_CFA_REGISTER | 0xa0}));
}

TEST_F(Tables, EqualRulesShareOneNumberUntilTheLastUserIsGone) {
  const sp_rule rule{.cfa = SP_CFA_SP, .saved = 0, .fp_offset = 0, .cfa_offset = 96};
  const auto first = rules_->acquire(rule), second = rules_->acquire(rule);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  rules_->release(*first);
  EXPECT_EQ(rules_->acquire(rule), first);
  rules_->release(*first);
  rules_->release(*first);
  // Free for others, and the last to be taken: BPF may still be going by it.
  for (uint32_t number = *first + 1u; number < SP_MAX_RULES; ++number)
    ASSERT_EQ(rules_->acquire({.cfa = SP_CFA_FP, .cfa_offset = static_cast<int>(number)}), number);
  const sp_rule last{.cfa = SP_CFA_FP, .cfa_offset = 0};
  EXPECT_EQ(rules_->acquire(last), first);
  EXPECT_FALSE(rules_->acquire({.cfa = SP_CFA_SP, .cfa_offset = 1})) << "all are taken";
}

TEST_F(Tables, ForkedChildrenShareAListUntilTheyGetTheirOwn) {
  MappingLists lists(*arena_, procs_);
  const sp_mapping mapping{0x1000, 0, 1, 0}, other{0x2000, 0, 1, 0};
  ASSERT_TRUE(lists.set(10, {&mapping, 1}));
  const auto parent = read_proc(10);
  ASSERT_TRUE(parent);
  const uint32_t child = 11;
  fork_in_kernel(10, child);
  lists.forked(10, child);
  ASSERT_TRUE(lists.set(10, {&other, 1}));
  const auto shared = read_block(parent->list, 8);
  EXPECT_EQ(shared[0], parent->generation);
  EXPECT_EQ(shared[2], 0x1000u) << "the child still walks by it";
  ASSERT_TRUE(lists.set(child, {&other, 1}));
  ASSERT_TRUE(lists.set(12, {&mapping, 1}));  // takes the freed room
  EXPECT_NE(read_block(parent->list, 1)[0], parent->generation) << "nobody points to it any more";
}

TEST_F(Tables, ADeniedProcessGetsNoList) {
  MappingLists lists(*arena_, procs_);
  const uint32_t tgid = 20;
  write_proc(tgid, {.flags = SP_PROC_DENIED});
  const sp_mapping mapping{0x1000, 0, 1, 0};
  EXPECT_FALSE(lists.set(tgid, {&mapping, 1}));
  EXPECT_EQ(read_proc(tgid)->list, 0u);
}

TEST_F(Tables, SweepForgetsWhatBpfDeleted) {
  MappingLists lists(*arena_, procs_);
  const sp_mapping mapping{0x1000, 0, 1, 0};
  ASSERT_TRUE(lists.set(30, {&mapping, 1}));
  const uint32_t ref = read_proc(30)->list;
  end_in_kernel(30);
  lists.sweep();
  ASSERT_TRUE(lists.set(31, {&mapping, 1}));
  EXPECT_EQ(read_proc(31)->list, ref) << "its room is free again";
}

}  // namespace
}  // namespace splitprof
