// SPDX-License-Identifier: Apache-2.0
//
// The kernel's unwinder over this process's own stack, with tables made from its own files. The oracle is libgcc's
// unwinder, which reads .eh_frame by itself.
#include <gtest/gtest.h>
#include <signal.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <random>

#include "processor/unwind/table.h"
#include "tests/bpf/host_world.h"

namespace splitprof {
namespace {

struct Captured {
  sp_walk* walk;
  HostWorld* world;
  std::vector<uint64_t> oracle;  // return addresses, leaf first
};

// Walks from the caller of this function on. The oracle's first entry is in here, too.
__attribute__((noinline)) void capture(Captured& captured) {
  sp_walk& walk = *captured.walk;
  uint64_t pc, sp, fp;
  asm volatile("lea 0(%%rip), %0\n mov %%rsp, %1\n mov %%rbp, %2" : "=r"(pc), "=r"(sp), "=r"(fp));
  walk.pc = pc;
  walk.sp = sp;
  walk.fp = fp;
  walk.exact = 1;
  walk.registers_known = 0;
  walk_on_host(walk, *captured.world);
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* oracle) {
        // Above the outermost frame it reports one of address 0.
        if (_Unwind_GetIP(context) != 0) static_cast<std::vector<uint64_t>*>(oracle)->push_back(_Unwind_GetIP(context));
        return _URC_NO_REASON;
      },
      &captured.oracle);
  asm volatile("" ::: "memory");  // no tail call
}

__attribute__((noinline)) void recurse(int depth, Captured& captured) {
  if (depth == 0)
    capture(captured);
  else
    recurse(depth - 1, captured);
  asm volatile("" ::: "memory");  // no tail call
}

class NativeWalk : public ::testing::Test {
 protected:
  NativeWalk() {
    world_.all_memory = true;
    world_.set_mappings(*walk_, world_.own_mappings());
  }
  std::vector<uint64_t> frames() const {
    std::vector<uint64_t> pcs;
    const auto* cells = reinterpret_cast<const sp_cell*>(walk_->data);
    for (uint32_t i = 0; i < std::min<uint32_t>(walk_->sample.n_cells, SP_MAX_CELLS); ++i) pcs.push_back(cells[i].word);
    return pcs;
  }
  void expect_equal_but_for_the_leaf(const std::vector<uint64_t>& oracle) const {
    auto ours = frames();
    ASSERT_EQ(ours.size(), oracle.size());
    for (size_t i = 1; i < ours.size(); ++i) EXPECT_EQ(ours[i], oracle[i]) << "frame " << i;
  }

  HostWorld world_;
  std::unique_ptr<sp_walk> walk_ = std::make_unique<sp_walk>();
};

TEST_F(NativeWalk, FindsTheFramesThatLibgccFinds) {
  for (int depth : {0, 1, 30, 200, 700}) {
    SCOPED_TRACE(depth);
    walk_->sample = {};
    Captured captured{walk_.get(), &world_, {}};
    recurse(depth, captured);
    EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
    expect_equal_but_for_the_leaf(captured.oracle);
  }
}

TEST_F(NativeWalk, KeepsBothSidesOfADeepStack) {
  Captured captured{walk_.get(), &world_, {}};
  recurse(5000, captured);
  ASSERT_EQ(walk_->sample.end, SP_COUNT_complete);
  ASSERT_EQ(walk_->sample.n_cells, captured.oracle.size());
  const auto pcs = frames();
  for (uint32_t i = 1; i < SP_LEAF_CELLS; ++i) ASSERT_EQ(pcs[i], captured.oracle[i]);
  for (size_t i = captured.oracle.size() - SP_ROOT_CELLS; i < captured.oracle.size(); ++i)
    ASSERT_EQ(pcs[SP_LEAF_CELLS + (i - SP_LEAF_CELLS) % SP_ROOT_CELLS], captured.oracle[i]);
}

TEST_F(NativeWalk, StopsInTime) {
  world_.ns_per_look = SP_MAX_WALK_NS / 8;
  Captured captured{walk_.get(), &world_, {}};
  recurse(1000, captured);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_time);
  EXPECT_LT(walk_->sample.n_cells, 1000u);
}

Captured* captured_by_signal;
void on_signal(int) {
  recurse(3, *captured_by_signal);
}

TEST_F(NativeWalk, PassesTheKernelsSignalFrame) {
  Captured captured{walk_.get(), &world_, {}};
  captured_by_signal = &captured;
  auto* before = signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  signal(SIGUSR1, before);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
  expect_equal_but_for_the_leaf(captured.oracle);
}

std::vector<std::byte> alternate_stack(1 << 18);

TEST_F(NativeWalk, PassesASignalOnAnAlternateStack) {
  Captured captured{walk_.get(), &world_, {}};
  captured_by_signal = &captured;
  stack_t stack{alternate_stack.data(), 0, alternate_stack.size()}, old;
  sigaltstack(&stack, &old);
  struct sigaction action {
  }, before;
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, &before);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &before, nullptr);
  sigaltstack(&old, nullptr);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
  expect_equal_but_for_the_leaf(captured.oracle);
}

TEST_F(NativeWalk, NamesAListThatWasReplaced) {
  walk_->list_generation ^= 1;
  Captured captured{walk_.get(), &world_, {}};
  recurse(5, captured);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_stale_list);
  EXPECT_EQ(walk_->sample.n_cells, 1u);
}

TEST_F(NativeWalk, NamesATableThatWasReplaced) {
  for (auto& executable : world_.executables) ++executable.generation;
  Captured captured{walk_.get(), &world_, {}};
  recurse(5, captured);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_stale_table);
}

TEST_F(NativeWalk, DoesNotGuessWhereATableIsOnItsWay) {
  auto mappings = world_.own_mappings();
  for (auto& mapping : mappings) mapping.table = SP_TABLE_PENDING;
  world_.set_mappings(*walk_, mappings);
  Captured captured{walk_.get(), &world_, {}};
  recurse(5, captured);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_table_pending);
  EXPECT_EQ(walk_->sample.n_cells, 1u);
}

TEST_F(NativeWalk, NamesAnUnreadableStack) {
  world_.all_memory = false;
  Captured captured{walk_.get(), &world_, {}};
  recurse(5, captured);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_stack_unreadable);
}

TEST_F(NativeWalk, FollowsFramePointersWhereThereIsNoTable) {
  struct Frame {
    uint64_t next, pc;
  } chain[3] = {
      {reinterpret_cast<uint64_t>(&chain[1]), 0x10100}, {reinterpret_cast<uint64_t>(&chain[2]), 0x10200}, {0, 0x10300}};
  const sp_mapping generated{0x10000, 0, 16, 0};
  world_.set_mappings(*walk_, {&generated, 1});
  walk_->pc = 0x10000;
  walk_->sp = reinterpret_cast<uint64_t>(&chain[0]) - 8;
  walk_->fp = reinterpret_cast<uint64_t>(&chain[0]);
  walk_->exact = 1;
  walk_on_host(*walk_, world_);
  EXPECT_EQ(frames(), (std::vector<uint64_t>{0x10000, 0x10100, 0x10200, 0x10300}));
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
}

// A table for the addresses from 0x10000 on: `rule` holds in the first 256 bytes, nothing does behind them.
InstallTable table_of(const sp_rule& rule) {
  return {.rules = {rule_word({}), rule_word({.cfa = SP_CFA_ASK}), rule_word(rule)},
          .first_page = 1,
          .counts = {2},
          .rows = {SP_ROW(0, 2), SP_ROW(256, SP_RULE_NONE)}};
}

TEST_F(NativeWalk, GoesOnOnAnotherStackThatLiesBelow) {
  // Stacks grow down: the one that was left lies below the one that runs now.
  struct {
    uint64_t left[4], current[2];
  } stacks = {{0, 0x10000, 0, 0}, {0x10010, 0}};
  const sp_rule leave{.cfa = SP_CFA_FP_SWITCH,
                      .saved = SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_CFA_8),
                      .fp_offset = -16,
                      .cfa_offset = 16};
  const sp_mapping code{0x10000, 0, 16, world_.install(table_of(leave))};
  world_.set_mappings(*walk_, {&code, 1});
  walk_->pc = 0x10010;
  walk_->sp = reinterpret_cast<uint64_t>(&stacks.current);
  walk_->fp = reinterpret_cast<uint64_t>(&stacks.left);
  stacks.left[1] = 0x10200;  // its caller has no rows, and a frame pointer of 0: the outermost
  walk_->exact = 0;
  walk_on_host(*walk_, world_);
  EXPECT_EQ(frames(), (std::vector<uint64_t>{0x10010, 0x10200}));
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
}

TEST_F(NativeWalk, LooksOnceForWhatARecursionReturnsTo) {
  Captured captured{walk_.get(), &world_, {}};
  recurse(700, captured);
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
  EXPECT_GT(walk_->sample.n_cells, 700u);
  EXPECT_LT(world_.table_looks, 100u);
}

TEST_F(NativeWalk, KnowsNothingOfAnEarlierWalk) {
  const std::array<uint64_t, 2> stack = {0x10010, 0};
  const sp_rule call{.cfa = SP_CFA_SP, .saved = SP_RULE_SAVED(SP_FP_SAME, SP_RA_CFA_8), .cfa_offset = 8};
  for (const bool is_outermost : {false, true, false}) {
    SCOPED_TRACE(is_outermost);
    const sp_mapping code{0x10000, 0, 16, world_.install(table_of(is_outermost ? sp_rule{.cfa = SP_CFA_END} : call))};
    world_.set_mappings(*walk_, {&code, 1});
    walk_->sample = {};
    walk_->pc = 0x10020;
    walk_->sp = reinterpret_cast<uint64_t>(stack.data());
    walk_->exact = 0;
    walk_on_host(*walk_, world_);
    const std::vector<uint64_t> alone = {0x10020}, both = {0x10020, 0x10010};
    EXPECT_EQ(frames(), is_outermost ? alone : both);
    EXPECT_EQ(walk_->sample.end, is_outermost ? SP_COUNT_complete : SP_COUNT_pc_zero);
  }
}

// The instruction where one function begins, and a call that is the last one of the function before it.
TEST_F(NativeWalk, ARememberedRuleIsThatOfReturnAddressesOnly) {
  const std::array<uint64_t, 3> stack = {0x10100, 0x10100, 0};
  const sp_rule call{.cfa = SP_CFA_SP, .saved = SP_RULE_SAVED(SP_FP_SAME, SP_RA_CFA_8), .cfa_offset = 8};
  auto table = table_of(call);  // bytes 0 to 0xff
  table.rules.push_back(rule_word({.cfa = SP_CFA_END}));
  table.rows.back() = SP_ROW(0x100, 3);
  const sp_mapping code{0x10000, 0, 16, world_.install(table)};
  world_.set_mappings(*walk_, {&code, 1});
  for (const bool exact : {false, true}) {
    walk_->sample = {};
    walk_->pc = 0x10100;
    walk_->sp = reinterpret_cast<uint64_t>(stack.data());
    walk_->exact = exact;
    walk_on_host(*walk_, world_);
    EXPECT_EQ(frames().size(), exact ? 1u : 3u);
    EXPECT_EQ(walk_->sample.end, exact ? SP_COUNT_complete : SP_COUNT_pc_zero);
  }
  // The other way round: the exact one first.
  table.rules[2] = rule_word({.cfa = SP_CFA_END});
  table.rules[3] = rule_word(call);
  const sp_mapping other{0x10000, 0, 16, world_.install(table)};
  world_.set_mappings(*walk_, {&other, 1});
  walk_->sample = {};
  walk_->pc = 0x10100;
  walk_->sp = reinterpret_cast<uint64_t>(stack.data());
  walk_->exact = 1;
  walk_on_host(*walk_, world_);
  EXPECT_EQ(frames(), (std::vector<uint64_t>{0x10100, 0x10100}));
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
}

TEST_F(NativeWalk, FindsAFrameByARegisterThatNobodySaves) {
  for (const unsigned number : {0, 3}) {  // rax, and rbx, which the innermost function may have saved
    SCOPED_TRACE(number);
    // The innermost frame has a return address at sp; its caller's CFA is in the register.
    std::array<uint64_t, 8> stack = {0x10010, 0, 0, 0, 0, 0x10200, 0, 0};
    const auto sp = reinterpret_cast<uint64_t>(stack.data());
    const sp_rule by_register{.cfa = static_cast<__u8>(SP_CFA_REGISTER | number << 4), .cfa_offset = 8};
    const sp_rule leaf{.cfa = SP_CFA_SP, .cfa_offset = 8};
    auto table = table_of(by_register);
    table.rules.push_back(rule_word(leaf));
    table.rows.push_back(SP_ROW(0x300, 3));
    table.counts[0] = 3;
    const sp_mapping code{0x10000, 0, 16, world_.install(table)};
    world_.set_mappings(*walk_, {&code, 1});
    walk_->sample = {};
    walk_->pc = 0x10300;
    walk_->sp = sp;
    walk_->fp = 0;
    walk_->registers[number] = sp + 5 * 8;
    walk_->registers_known = 1;
    walk_->exact = 1;
    walk_on_host(*walk_, world_);
    const std::vector<uint64_t> whole = {0x10300, 0x10010, 0x10200}, cut = {0x10300, 0x10010};
    EXPECT_EQ(frames(), number == 0 ? whole : cut);
    EXPECT_EQ(walk_->sample.end, number == 0 ? SP_COUNT_complete : SP_COUNT_register_unknown);
  }
}

TEST_F(NativeWalk, EndsWhereNoWayLeadsBackToTheOtherStack) {
  const sp_rule leave{.cfa = SP_CFA_FP_SWITCH,
                      .saved = SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_CFA_8),
                      .fp_offset = -16,
                      .cfa_offset = 16};
  const sp_mapping code{0x10000, 0, 16, world_.install(table_of(leave))};
  world_.set_mappings(*walk_, {&code, 1});
  walk_->pc = 0x10010;
  walk_->exact = 1;
  walk_on_host(*walk_, world_);
  EXPECT_EQ(frames(), (std::vector<uint64_t>{0x10010}));
  EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
}

#ifdef __x86_64__
TEST_F(NativeWalk, KnowsASignalTrampolineByItsCodeWhereNoRowDescribesIt) {
  // The program's own page of code, in memory that is read as the target's: `mov $15, %rax; syscall`.
  alignas(4096) static std::array<unsigned char, 4096> code = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
  const auto start = reinterpret_cast<uint64_t>(code.data());
  std::array<uint64_t, 64> signal_frame = {};
  auto* registers = &signal_frame[5];  // struct sigcontext_64 begins at byte 40 of struct ucontext
  registers[10] = 0;                   // rbp: the interrupted code is the outermost
  registers[15] = 0x7000;              // rsp
  registers[16] = start + 512;         // rip
  const sp_mapping mapping{start, start - 0x10000, 1, world_.install(table_of({.cfa = SP_CFA_END}))};
  auto elsewhere = mapping;
  elsewhere.bias -= 0x1000;  // no row at all
  for (const bool has_code : {true, false}) {
    SCOPED_TRACE(has_code);
    code[8] = has_code ? 0x05 : 0x06;
    walk_->sample = {};
    world_.set_mappings(*walk_, {&elsewhere, 1});
    walk_->pc = start;
    walk_->sp = reinterpret_cast<uint64_t>(signal_frame.data());
    walk_->fp = 0;
    walk_->exact = 0;
    walk_on_host(*walk_, world_);
    const std::vector<uint64_t> whole = {start, start + 512}, alone = {start};
    EXPECT_EQ(frames(), has_code ? whole : alone);
    EXPECT_EQ(walk_->sample.end, SP_COUNT_complete);
  }
}
#endif

// The property behind the branchless search: it finds what a scan finds, in lists of any length.
TEST(MappingSearch, FindsWhatAScanFinds) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    HostWorld world;
    std::vector<sp_mapping> mappings;
    uint64_t at = 0x1000;
    const uint32_t count = seed < 20 ? seed : random() % 3000;
    for (uint32_t i = 0; i < count; ++i) {
      at += random() % 3 * 0x1000;
      const uint32_t pages = 1 + random() % 4;
      mappings.push_back({at, 0, pages, 0});
      at += pages * 0x1000ull;
    }
    for (int look = 0; look < 50; ++look) {
      auto walk = std::make_unique<sp_walk>();
      world.set_mappings(*walk, mappings);
      walk->pc = random() % (at + 0x2000);
      const bool known = std::ranges::any_of(
          mappings, [&](const auto& m) { return walk->pc >= m.start && walk->pc - m.start < m.n_pages * 4096ull; });
      walk_on_host(*walk, world);
      // A frame pointer of 0 ends a walk in known code at once.
      EXPECT_EQ(walk->sample.end, known ? SP_COUNT_complete : SP_COUNT_no_mapping) << std::hex << walk->sample.n_cells;
    }
  }
}

}  // namespace
}  // namespace splitprof
