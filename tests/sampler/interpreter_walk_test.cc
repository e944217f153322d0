// SPDX-License-Identifier: Apache-2.0
//
// An interpreter's frames as BPF finds them on the live kernel: values and lists written as the sampler writes them, a
// process that stands still in a "loop" with frames, code objects and a thread's state of its own. What BPF makes of
// anything else is tried on the host (tests/bpf).
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "bpf/python.h"
#include "sampler/perf_events.h"
#include "sampler/programs.h"
#include "sampler/tables/mapping_lists.h"
#include "sampler/tables/runtimes.h"
#include "tests/sampler/child.h"

namespace splitprof {
namespace {

struct FakeFrame {
  const FakeFrame* previous;
  const void* code;
  int32_t position;
  uint8_t ends_run;
  uint64_t rest;
};
struct FakeCode {
  uint64_t words[4];
};
struct FakeState {
  const FakeFrame* frame;
  pthread_t thread;
};

constexpr FakeCode kCodes[] = {{{1, 2, 3, 4}}, {{5, 6, 7, 8}}, {{9, 10, 11, 12}}, {{13, 14, 15, 16}}};
// Three frames share the loop, and the native walk will not find that of the fourth.
constexpr FakeFrame kFrames[4] = {{&kFrames[1], &kCodes[0], 7, 0, 0},
                                  {&kFrames[2], &kCodes[1], 0x12345, 0, 0},
                                  {&kFrames[3], &kCodes[2], -1, 1, 0},
                                  {nullptr, &kCodes[3], 9, 1, 0}};
FakeState state;
thread_local const FakeState* own_state = nullptr;

extern "C" const char splitprof_test_loop[];

extern "C" [[gnu::noinline]] void stand_in_loop() {
  state = {&kFrames[0], pthread_self()};
  own_state = &state;
  // BPF reads what is in memory, and brings nothing in: a real interpreter has just used these.
  for (const auto& code : kCodes) (void)*const_cast<const volatile uint64_t*>(code.words);
  asm volatile(
      ".globl splitprof_test_loop\n"
      "splitprof_test_loop: pause\n jmp splitprof_test_loop" ::
          : "memory");
}

uint64_t address_of(const void* what) {
  return reinterpret_cast<uint64_t>(what);
}

// The thread's variable is as far from the thread pointer in a forked child as here.
sp_runtime value() {
  sp_runtime runtime{.kind = SP_RUNTIME_python, .n_ranges = 1, .tls_access = SP_TLS_OFFSET};
  runtime.ranges[0] = {address_of(splitprof_test_loop), 4};
  runtime.tls_value = address_of(&own_state) - static_cast<uint64_t>(pthread_self());
  auto* fields = runtime.fields;
  fields[SP_PYTHON_state_frame] = offsetof(FakeState, frame);
  fields[SP_PYTHON_state_thread] = offsetof(FakeState, thread);
  fields[SP_PYTHON_frame_bytes] = sizeof(FakeFrame);
  fields[SP_PYTHON_frame_previous] = offsetof(FakeFrame, previous);
  fields[SP_PYTHON_frame_code] = offsetof(FakeFrame, code);
  fields[SP_PYTHON_frame_position] = offsetof(FakeFrame, position);
  fields[SP_PYTHON_boundary] = SP_PYTHON_FLAG;
  fields[SP_PYTHON_frame_boundary] = offsetof(FakeFrame, ends_run);
  fields[SP_PYTHON_check_words] = 4;
  return runtime;
}

sp_cell cell_of(int number, uint32_t position, bool entry) {
  uint64_t check = SP_CHECK_SEED;
  for (const uint64_t word : kCodes[number].words) check = sp_check_add(check, word);
  const uint64_t flags = (entry ? SP_FRAME_ENTRY : 0) | position >> 16 << 8;
  return {SP_FRAME_HEADER(SP_FRAME_PYTHON, 1, flags, sp_check_end(check)),
          SP_PYTHON_WORD(address_of(&kCodes[number]), position & 0xffff)};
}

class InterpreterWalk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for BPF";
    programs_.emplace(Programs::Options{});
    arena_.emplace(programs_->arena_fd(), programs_->arena_slots());
    lists_.emplace(*arena_, programs_->procs_fd());
    runtimes_.emplace(*arena_, programs_->runtimes_fd(), programs_->procs_fd());
    ring_ = ring_buffer__new(programs_->ring_fd(), on_record, this, nullptr);
    ASSERT_NE(ring_, nullptr);
  }
  void TearDown() override { ring_buffer__free(ring_); }

  // The code of the loop is known, but not how to get from it to its caller: the native walk ends there.
  void set_mappings(pid_t pid) {
    const uint64_t page = address_of(splitprof_test_loop) & ~uint64_t{4095};
    const sp_mapping code{page, 0, 2, SP_TABLE_PENDING};
    ASSERT_TRUE(lists_->set(static_cast<uint32_t>(pid), {&code, 1}));
  }
  void set_runtime(pid_t pid) {
    const auto one = value();
    ASSERT_TRUE(runtimes_->set(static_cast<uint32_t>(pid), {&one, 1}));
  }
  // Samples for so long; keeps the cells of samples that were taken in the loop of `pid`.
  void watch(pid_t pid, int milliseconds) {
    stacks_.clear();
    watched_ = static_cast<uint32_t>(pid);
    PerfEvents events(programs_->sample_fd());
    events.configure(499, {}, false);
    for (int i = 0; i < milliseconds / 10; ++i) {
      usleep(10'000);
      ring_buffer__consume(ring_);
    }
    events.configure(0, {}, false);
    ring_buffer__consume(ring_);
  }
  void expect_interpreted_stacks() const {
    ASSERT_GT(stacks_.size(), 10u);
    for (const auto& stack : stacks_) {
      ASSERT_EQ(stack.size(), 5u);
      const sp_cell expected[] = {cell_of(0, 7, true),
                                  cell_of(1, 0x12345, false),
                                  cell_of(2, 0, false),
                                  {SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, SP_FRAME_LOOP, 0), stack[3].word},
                                  cell_of(3, 9, true)};
      for (size_t i = 0; i < stack.size(); ++i) {
        SCOPED_TRACE(i);
        EXPECT_EQ(stack[i].header, expected[i].header);
        EXPECT_EQ(stack[i].word, expected[i].word);
      }
    }
  }
  static int on_record(void* self, void* data, size_t) {
    auto& test = *static_cast<InterpreterWalk*>(self);
    const auto& sample = *static_cast<const sp_sample*>(data);
    if (sample.kind != SP_RECORD_SAMPLE || sample.pid != test.watched_) return 0;
    const auto* cells = reinterpret_cast<const sp_cell*>(&sample + 1);
    const std::vector<sp_cell> stack(cells, cells + sample.n_cells);
    for (const auto& cell : stack)
      if (SP_FRAME_KIND(cell.header) == SP_FRAME_NATIVE && cell.word - address_of(splitprof_test_loop) < 4)
        test.stacks_.push_back(stack);
    return 0;
  }

  std::optional<Programs> programs_;
  std::optional<Arena> arena_;
  std::optional<MappingLists> lists_;
  std::optional<Runtimes> runtimes_;
  ring_buffer* ring_ = nullptr;
  uint32_t watched_ = 0;
  std::vector<std::vector<sp_cell>> stacks_;
};

TEST_F(InterpreterWalk, FindsTheFramesOfTheThreadThatWasInterrupted) {
  const Child child(stand_in_loop);
  usleep(20'000);
  set_mappings(child.pid);
  watch(child.pid, 100);
  ASSERT_FALSE(stacks_.empty());
  for (const auto& stack : stacks_) EXPECT_EQ(stack.size(), 1u) << "nobody has said that it is a loop";
  set_runtime(child.pid);
  watch(child.pid, 500);
  expect_interpreted_stacks();
  EXPECT_EQ(programs_->counters()[SP_COUNT_interpreter_no_thread], 0u);
  ASSERT_TRUE(runtimes_->set(static_cast<uint32_t>(child.pid), {}));
  watch(child.pid, 100);
  ASSERT_FALSE(stacks_.empty());
  for (const auto& stack : stacks_) EXPECT_EQ(stack.size(), 1u);
}

TEST_F(InterpreterWalk, AForkedProcessHasItsParentsInterpretersAtItsFirstSample) {
  int go[2], number[2];
  ASSERT_EQ(pipe(go), 0);
  ASSERT_EQ(pipe(number), 0);
  const Child parent([&] {
    char byte;
    if (read(go[0], &byte, 1) != 1) return;
    const Child child(stand_in_loop);
    if (write(number[1], &child.pid, sizeof child.pid) == sizeof child.pid) pause();
  });
  set_runtime(parent.pid);
  set_mappings(parent.pid);
  ASSERT_EQ(write(go[1], "", 1), 1);
  pid_t child = 0;
  ASSERT_EQ(read(number[0], &child, sizeof child), ssize_t{sizeof child});
  usleep(20'000);
  watch(child, 500);
  expect_interpreted_stacks();
  for (const int end : {go[0], go[1], number[0], number[1]}) close(end);
}

}  // namespace
}  // namespace splitprof
