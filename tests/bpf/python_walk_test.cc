// SPDX-License-Identifier: Apache-2.0
//
// BPF's step for Python over fake memory: which frames it finds, in which order, and what it does where something is
// missing or wrong. PythonWorld says how frames are written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/bpf/python_walk_fixture.h"

namespace splitprof {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
// ---- Order ---------------------------------------------------------------------------------------------------------

TEST_F(PythonWalk, EachLoopStandsForOneFrameUpTo3_10) {
  set_up(SP_PYTHON_EACH, {0, 0, 0}, {W::c(0), W::loop(), W::c(1), W::c(2), W::loop(0, 1), W::loop(0, 2), W::c(3)});
  EXPECT_EQ(walk(), "c0 [f0@0 loop c1 c2 [f1@1 loop [f2@2 loop c3");
  EXPECT_EQ(end(), SP_COUNT_complete);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_frames), 3u);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 0u);
}

TEST_F(PythonWalk, FramesUpToOneWithTheFlagShareALoopIn3_11) {
  set_up(SP_PYTHON_FLAG, {0, 0, 1, 1, 0, 1}, {W::loop(), W::c(1), W::loop(), W::c(2), W::loop(), W::c(3)});
  EXPECT_EQ(walk(), "[f0@0 f1@1 f2@2 loop c1 [f3@3 loop c2 [f4@4 f5@5 loop c3");
  EXPECT_EQ(end(), SP_COUNT_complete);
}

TEST_F(PythonWalk, FramesUpToOneOfTheInterpretersOwnShareALoopFrom3_12On) {
  set_up(SP_PYTHON_OWNER, {0, 1, 3, 2, 4}, {W::c(0), W::loop(), W::c(1), W::loop(), W::c(2)});
  EXPECT_EQ(walk(), "c0 [f0@0 f1@1 loop c1 [f2@2 loop c2");
  EXPECT_EQ(end(), SP_COUNT_complete);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_frames), 3u) << "the interpreter's own are none of the script's";
}

// From 3.12 on a run ends with a frame that is a variable of its loop.
TEST_F(PythonWalk, KnowsARunThatEndedInItsLoopsOwnFrame) {
  constexpr uint64_t kBytes = 160;
  const std::vector<uint64_t> pcs = {W::c(0), W::loop(), W::c(1), W::loop(), W::c(2)};
  set_up(SP_PYTHON_OWNER, {0, 1}, pcs);
  world.set_native(pcs, kBytes);
  const auto end_in = [&](uint64_t address) {
    world.write64(frames.back() + runtime.fields[SP_PYTHON_frame_previous], address);
    world.write64(address + runtime.fields[SP_PYTHON_frame_previous], 0);
    world.write8(address + runtime.fields[SP_PYTHON_frame_boundary], 3);
  };
  end_in(world.stack() + kBytes);
  EXPECT_EQ(walk(), "c0 [f0@0 f1@1 loop! c1 loop c2");
  end_in(world.stack() + 2 * kBytes);  // c1's
  EXPECT_EQ(walk(), "c0 [f0@0 f1@1 loop c1 loop c2");
  end_in(world.stack() + 3 * kBytes);  // the inner loop has just been entered
  EXPECT_EQ(walk(), "c0 [f0@0 f1@1 loop c1 loop c2");
  end_in(world.add_frame(runtime, 0, 0, 3));  // elsewhere
  EXPECT_EQ(walk(), "c0 [f0@0 f1@1 loop c1 loop c2");
}

// In 3.11 the innermost run hangs on a variable of its loop.
TEST_F(PythonWalk, KnowsTheInnermostRunByItsLoopsCframe) {
  constexpr uint64_t kBytes = 160;
  const std::vector<uint64_t> pcs = {W::c(0), W::loop(), W::c(1), W::loop(), W::c(2)};
  set_up(SP_PYTHON_FLAG, {0, 1}, pcs);
  world.set_native(pcs, kBytes);
  runtime.fields[SP_PYTHON_has_cframe] = 1;
  const uint64_t state = world.read64(W::kThreadPointer + runtime.tls_value);
  for (const int frame : {1, 3}) {
    const uint64_t cframe = world.stack() + frame * kBytes + 16;
    world.write64(state + runtime.fields[SP_PYTHON_state_frame], cframe);
    world.write64(cframe + runtime.fields[SP_PYTHON_cframe_frame], frames.front());
    EXPECT_EQ(walk(), frame == 1 ? "c0 [f0@0 f1@1 loop! c1 loop c2" : "c0 [f0@0 f1@1 loop c1 loop c2");
  }
}

TEST_F(PythonWalk, ALoopBehindTheEndOfTheChainIsNative) {
  set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0), W::loop(), W::c(1)});
  EXPECT_EQ(walk(), "[f0@0 loop c0 loop c1");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_no_thread), 0u);
}

TEST_F(PythonWalk, AThreadWithoutFramesHasNativeOnesOnly) {
  set_up(SP_PYTHON_EACH, {}, {W::loop(), W::c(0)});
  EXPECT_EQ(walk(), "loop c0");
  EXPECT_EQ(end(), SP_COUNT_complete);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_no_thread), 0u);
}

TEST_F(PythonWalk, CountsFramesThatAreLeftAtTheOutermostNativeOne) {
  set_up(SP_PYTHON_EACH, {0, 0}, {W::loop(), W::c(0)});
  EXPECT_EQ(walk(), "[f0@0 loop c0");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 1u);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_drained), 0u);
}

// From 3.15 on the outermost frame of a thread is none of the script's, and its state points to it.
TEST_F(PythonWalk, TheBaseOfAChainIsNotLeft) {
  set_up(SP_PYTHON_OWNER, {0, 3, 0, 3, 4}, {W::loop(), W::c(0), W::loop(), W::c(1)});
  EXPECT_EQ(walk(), "[f0@0 loop c0 [f1@1 loop c1");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 1u) << "the base, for who does not know it";
  const uint64_t state = world.read64(W::kThreadPointer + runtime.tls_value);
  runtime.fields[SP_PYTHON_state_base] = 80;
  world.write64(state + 80, frames.back());
  EXPECT_EQ(walk(), "[f0@0 loop c0 [f1@1 loop c1");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 1u);
  // Another frame that is left is counted as ever; what the last walk knew is forgotten.
  world.write64(state + 80, 0);
  walk();
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 2u);
}

// A loop is more than one range of code; the call that ends it may be its very last instruction.
TEST_F(PythonWalk, KnowsEveryRangeOfTheLoopAndReturnAddressesBehindItsEnd) {
  constexpr uint64_t kEnd = W::kLoop + W::kLoopBytes;
  set_up(SP_PYTHON_EACH, {0, 0}, {W::c(0), kEnd - 0x800, W::c(1), kEnd, W::c(2)});
  runtime.n_ranges = 2;
  runtime.ranges[0].length = 0x100;
  runtime.ranges[1] = {kEnd - 0x800, 0x800};
  // The first of them is not a call's last instruction but the one before the range.
  EXPECT_EQ(walk(), "c0 a:20800 c1 [f0@0 loop c2");
  runtime.ranges[1] = {kEnd - 0x801, 0x801};
  EXPECT_EQ(walk(), "c0 [f0@0 loop c1 [f1@1 loop c2");
}

TEST_F(PythonWalk, AnInterruptedInstructionBehindTheLoopIsNotInIt) {
  set_up(SP_PYTHON_EACH, {0}, {W::kLoop + W::kLoopBytes, W::c(0)});
  EXPECT_EQ(walk(), "a:21000 c0");
  world.set_native(std::vector{W::kLoop, W::c(0)});
  EXPECT_EQ(walk(), "[f0@0 loop c0");
}

TEST_F(PythonWalk, ARecursionOf900FunctionsIsWhole) {
  std::vector<uint64_t> pcs{W::c(0)};
  for (int i = 0; i < 900; ++i) pcs.insert(pcs.end(), {W::loop(), W::c(1), W::c(2)});
  set_up(SP_PYTHON_EACH, Boundaries(900, 0), pcs);
  EXPECT_THAT(walk(), EndsWith("[f898@898 loop c1 c2 [f899@899 loop c1 c2"));
  EXPECT_EQ(end(), SP_COUNT_complete);
  EXPECT_EQ(world.state->sample.n_cells, 1u + 900 * 4);
}

TEST_F(PythonWalk, TwoInterpretersOfOneProcessKeepTheirOwnChains) {
  const auto first = W::value(SP_PYTHON_EACH, 0), second = W::value(SP_PYTHON_FLAG, 1);
  world.run(first, Boundaries{0, 0});
  world.run(second, Boundaries{0, 1, 1});
  world.set_native(std::vector{W::loop(0), W::c(0), W::loop(1), W::c(1), W::loop(0), W::c(2), W::loop(1), W::c(3)});
  world.install(first);
  world.install(second);
  EXPECT_EQ(world.walk(), "[f0@0 loop c0 [f2@2 f3@3 loop1 c1 [f1@1 loop c2 [f4@4 loop1 c3");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 0u);
}

TEST_F(PythonWalk, TakesNoMoreLoopsThanThereIsRoomFor) {
  set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0)});
  runtime.n_ranges = SP_MAX_CODE_RANGES;
  for (uint64_t i = 0; i < SP_MAX_CODE_RANGES; ++i) runtime.ranges[i] = {W::kLoop + i * 0x100, 0x100};
  for (int i = 0; i < SP_MAX_PROCESS_RUNTIMES; ++i) world.install(runtime);
  EXPECT_EQ(world.walk(), "[f0@0 loop c0");
  EXPECT_EQ(world.state->n_loops, uint32_t{SP_MAX_LOOPS});
}

// ---- What a frame says ----------------------------------------------------------------------------------------------

TEST_F(PythonWalk, TheCheckWordIsMadeOfTheCodeObjectsBytes) {
  for (const uint64_t words : {1, 9, SP_MAX_CHECK_WORDS}) {
    SCOPED_TRACE(words);
    world = {};
    set_up(SP_PYTHON_EACH, {0, 0}, {W::loop(), W::loop(), W::c(0)});
    runtime.fields[SP_PYTHON_check_words] = words;
    walk();
    EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[0].header), world.check_of(runtime, world.codes[0]));
    EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[2].header), world.check_of(runtime, world.codes[1]));
    EXPECT_NE(world.check_of(runtime, world.codes[0]), world.check_of(runtime, world.codes[1]));
  }
}

TEST_F(PythonWalk, ACodeObjectThatRunsTwiceHasOneCheckWord) {
  set_up(SP_PYTHON_FLAG, {0, 0, 1}, {W::loop(), W::c(0)});
  world.write64(frames[1] + runtime.fields[SP_PYTHON_frame_code], world.codes[0]);
  walk();
  EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[0].header), world.check_of(runtime, world.codes[0]));
  EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[1].header), world.check_of(runtime, world.codes[0]));
  EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[2].header), world.check_of(runtime, world.codes[2]));
}

TEST_F(PythonWalk, ACodeObjectThatCannotBeReadHasNoCheckWord) {
  for (const uint64_t code : {uint64_t{0}, uint64_t{0x5000}, uint64_t{0xffff} << 48, ~uint64_t{0} & ~uint64_t{7}}) {
    SCOPED_TRACE(code);
    world = {};
    set_up(SP_PYTHON_FLAG, {0, 0, 1}, {W::loop(), W::c(0)});
    walk();  // leaves the check word of another walk behind
    world.write64(frames[0] + runtime.fields[SP_PYTHON_frame_code], code);
    walk();
    EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[0].header), 0u);
    EXPECT_EQ(SP_PYTHON_CODE(world.cells()[0].word), code & SP_MAX_USER_ADDRESS);
    EXPECT_EQ(world.counted(SP_COUNT_interpreter_code_unreadable), 1u);
    EXPECT_EQ(world.state->sample.n_cells, 5u) << "the frames after it are found";
    EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[1].header), world.check_of(runtime, world.codes[1]));
  }
}

// Even where such an address can be read (five levels of page tables): the cell has no room for it.
TEST_F(PythonWalk, ACodeObjectBeyond48BitsIsMarked) {
  set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0)});
  constexpr uint64_t kFar = uint64_t{1} << 52;
  static const std::vector<std::byte> bytes(512, std::byte{7});
  world.world.memory.push_back({kFar, bytes});
  world.write64(frames[0] + runtime.fields[SP_PYTHON_frame_code], kFar | 0x10);
  walk();
  EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[0].header), 0u);
  EXPECT_EQ(SP_PYTHON_CODE(world.cells()[0].word), 0x10u);
  EXPECT_EQ(SP_FRAME_KIND(world.cells()[0].header), SP_FRAME_PYTHON);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_code_unreadable), 1u);
}

TEST_F(PythonWalk, LowBitsThatAreNoneOfTheAddressAreLeftOut) {
  set_up(SP_PYTHON_OWNER, {0, 3}, {W::loop(), W::c(0)});
  runtime.fields[SP_PYTHON_code_tag] = 7;
  world.write64(frames[0] + runtime.fields[SP_PYTHON_frame_code], world.codes[0] | 1);
  EXPECT_EQ(walk(), "[f0@0 loop c0");
  EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[0].header), world.check_of(runtime, world.codes[0]));
}

TEST_F(PythonWalk, PositionsAsNumbersFitIn24BitsOrAreUnknown) {
  set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0)});
  for (const auto& [stored, told] :
       std::vector<std::pair<int32_t, uint32_t>>{{0, 0},
                                                 {-1, 0},
                                                 {INT32_MIN, 0},
                                                 {0xffff, 0xffff},
                                                 {0x10000, 0x10000},
                                                 {0xfffffe, 0xfffffe},
                                                 {0xffffff, SP_PYTHON_POSITION_UNKNOWN},
                                                 {0x1000000, SP_PYTHON_POSITION_UNKNOWN},
                                                 {INT32_MAX, SP_PYTHON_POSITION_UNKNOWN}}) {
    world.write32(frames[0] + runtime.fields[SP_PYTHON_frame_position], static_cast<uint32_t>(stored));
    EXPECT_EQ(walk(), fmt::format("[f0@{} loop c0", told)) << stored;
  }
}

TEST_F(PythonWalk, PositionsAsPointersFitIn24BitsOrAreUnknown) {
  set_up(SP_PYTHON_FLAG, {1}, {W::loop(), W::c(0)});
  const uint64_t first = world.codes[0] + runtime.fields[SP_PYTHON_code_start];
  constexpr uint32_t kUnknown = SP_PYTHON_POSITION_UNKNOWN;
  for (const auto& [at, told] : std::vector<std::pair<uint64_t, uint32_t>>{{first, 0},
                                                                           {first - 2, 0},
                                                                           {first + 2, 1},
                                                                           {first + 3, 1},
                                                                           {first + 2 * 0x12345, 0x12345},
                                                                           {first + 2 * 0xfffffeull, 0xfffffe},
                                                                           {first + 2 * 0xffffffull, kUnknown},
                                                                           {first - 4, kUnknown},
                                                                           {first + (uint64_t{1} << 33) + 10, kUnknown},
                                                                           {0, kUnknown},
                                                                           {~uint64_t{0}, kUnknown}}) {
    world.write64(frames[0] + runtime.fields[SP_PYTHON_frame_position], at);
    EXPECT_EQ(walk(), fmt::format("[f0@{} loop c0", told)) << std::hex << at - first;
  }
}

// Free-threaded 3.14: a thread runs its own copy of the bytecode, which a table in the code object points to.
TEST_F(PythonWalk, PositionsInAThreadsOwnCopyOfTheBytecode) {
  set_up(SP_PYTHON_OWNER, {0, 3}, {W::loop(), W::c(0)});
  runtime.fields[SP_PYTHON_frame_copy] = 88;
  runtime.fields[SP_PYTHON_code_copies] = 160;
  const uint64_t copy = world.allocate(64), table = world.allocate(32);
  world.write64(table, 3);
  world.write64(table + 8, world.codes[0] + runtime.fields[SP_PYTHON_code_start]);
  world.write64(table + 8 + 2 * 8, copy);
  world.write64(world.codes[0] + 160, table);
  world.write64(frames[0] + runtime.fields[SP_PYTHON_frame_position], copy + 2 * 11);
  world.write32(frames[0] + 88, 2);
  EXPECT_EQ(walk(), "[f0@11 loop c0");
  world.write32(frames[0] + 88, 1000);
  EXPECT_EQ(walk(), "[f0@16777215 loop c0") << "no such copy";
  world.write64(world.codes[0] + 160, 0x5000);
  world.write32(frames[0] + 88, 2);
  EXPECT_EQ(walk(), "[f0@16777215 loop c0") << "no table";
  world.write32(frames[0] + 88, 0);
  world.write64(frames[0] + runtime.fields[SP_PYTHON_frame_position],
                world.codes[0] + runtime.fields[SP_PYTHON_code_start] + 6);
  EXPECT_EQ(walk(), "[f0@3 loop c0") << "the code object's own";
  EXPECT_EQ(SP_FRAME_EXTRA(world.cells()[0].header), world.check_of(runtime, world.codes[0]));
}

// ---- What is wrong --------------------------------------------------------------------------------------------------

TEST_F(PythonWalk, AFrameThatCannotBeReadIsMarkedAndNativeFramesGoOn) {
  for (const auto boundary : {SP_PYTHON_EACH, SP_PYTHON_FLAG}) {
    SCOPED_TRACE(boundary);
    world = {};
    set_up(boundary, {0, 0}, {W::loop(), W::c(0), W::loop(), W::c(1), W::loop(), W::c(2)});
    world.link(runtime, frames, 0x5000);
    EXPECT_EQ(walk(), boundary == SP_PYTHON_EACH ? "[f0@0 loop c0 [f1@1 loop c1 [error loop c2"
                                                 : "[f0@0 f1@1 error loop c0 loop c1 loop c2");
    EXPECT_EQ(end(), SP_COUNT_complete);
    EXPECT_EQ(world.counted(SP_COUNT_interpreter_unreadable), 1u);
  }
}

TEST_F(PythonWalk, AFrameAtTheEndOfMemoryIsReadOnlyAsFarAsItReaches) {
  set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0)});
  runtime.fields[SP_PYTHON_frame_bytes] = 136;  // 8 more than there are
  EXPECT_EQ(walk(), "[error loop c0");
}

TEST_F(PythonWalk, ACycleEndsInTime) {
  set_up(SP_PYTHON_FLAG, {0, 0}, {W::loop(), W::c(0)});
  world.link(runtime, frames, frames[0]);
  world.world.ns_per_look = 50'000;
  EXPECT_THAT(walk(), StartsWith("[f0@0 f1@1 f0@0 f1@1"));
  EXPECT_EQ(end(), SP_COUNT_time);
  // A look at the clock is every 16th step; the interpreter's frames go on for a while after the native ones.
  const uint64_t most_ns = SP_MAX_WALK_NS + SP_MAX_DRAIN_NS;
  EXPECT_LE(world.world.clock_ns, most_ns + world.world.ns_per_look);
  EXPECT_LE(world.state->steps, (most_ns / world.world.ns_per_look + 1) * 16);
}

TEST_F(PythonWalk, ACycleEndsWhereTheClockStandsStill) {
  set_up(SP_PYTHON_FLAG, {0}, {W::loop(), W::c(0)});
  world.link(runtime, frames, frames[0]);
  EXPECT_THAT(walk(), EndsWith("f0@0 f0@0"));
  EXPECT_EQ(end(), SP_COUNT_too_many_frames);
  EXPECT_EQ(world.state->steps, uint32_t{SP_MAX_STEPS});
  EXPECT_LE(world.state->sample.n_cells, uint32_t{SP_MAX_STEPS});
}

TEST_F(PythonWalk, ACycleOfFramesThatAreNobodysEndsInTime) {
  set_up(SP_PYTHON_OWNER, {3}, {W::kNowhere});
  world.link(runtime, frames, frames[0]);
  world.world.ns_per_look = 50'000;
  EXPECT_EQ(walk(), "a:90000");
  EXPECT_EQ(end(), SP_COUNT_no_mapping);
  EXPECT_LE(world.state->steps, ((SP_MAX_WALK_NS + SP_MAX_DRAIN_NS) / world.world.ns_per_look + 1) * 16);
}

// ---- A native walk that ends early
// -----------------------------------------------------------------------------------

TEST_F(PythonWalk, TakesTheOtherFramesAlongWhereATableIsOnItsWay) {
  set_up(SP_PYTHON_EACH, {0, 0, 0}, {W::c(0), W::loop(), W::kPending + 0x10, W::loop(), W::c(1)});
  EXPECT_EQ(walk(), "c0 [f0@0 loop a:80010 [f1@1 [f2@2");
  EXPECT_EQ(end(), SP_COUNT_table_pending);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_drained), 1u);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_left), 0u);
}

TEST_F(PythonWalk, TakesAllFramesAlongWhereNoNativeCallerIsKnown) {
  for (const auto boundary : {SP_PYTHON_FLAG, SP_PYTHON_OWNER}) {
    SCOPED_TRACE(boundary);
    world = {};
    set_up(boundary, boundary == SP_PYTHON_FLAG ? Boundaries{0, 1, 0, 1} : Boundaries{0, 1, 3, 0, 0, 3},
           {W::kNowhere, W::loop(), W::c(1)});
    EXPECT_EQ(walk(), "a:90000 [f0@0 f1@1 [f2@2 f3@3");
    EXPECT_EQ(end(), SP_COUNT_no_mapping);
    EXPECT_EQ(world.counted(SP_COUNT_interpreter_drained), 1u);
  }
}

TEST_F(PythonWalk, TakesTheFramesOfEveryInterpreterAlong) {
  const auto first = W::value(SP_PYTHON_EACH, 0), second = W::value(SP_PYTHON_EACH, 1);
  world.run(first, Boundaries{0});
  world.run(second, Boundaries{0, 0});
  world.set_native(std::vector{W::loop(1), W::kNowhere});
  world.install(first);
  world.install(second);
  EXPECT_EQ(world.walk(), "[f1@1 loop1 a:90000 [f0@0 [f2@2");
}

TEST_F(PythonWalk, AThreadOfNobodyHasNothingToTakeAlong) {
  set_up(SP_PYTHON_EACH, {0}, {W::kNowhere});
  runtime.tls_access = SP_TLS_NONE;
  EXPECT_EQ(walk(), "a:90000");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_no_thread), 1u);
}

TEST_F(PythonWalk, TakesFramesAlongForAWhileWhenTheNativeWalkHasTakenItsTime) {
  std::vector<uint64_t> pcs;
  for (int i = 0; i < 40; ++i) pcs.insert(pcs.end(), {W::c(0), W::loop()});
  set_up(SP_PYTHON_EACH, Boundaries(40, 0), pcs);
  world.world.ns_per_look = 300'000;  // the second look, at the 32nd step, is past the native walk's time
  const std::string text = walk();
  EXPECT_EQ(end(), SP_COUNT_time);
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_drained), 1u);
  // Four steps for c0, its caller's script and the loop: seven times, three more, and 15 frames until the third look.
  EXPECT_THAT(text, StartsWith("c0 [f0@0 loop c0 [f1@1 loop"));
  EXPECT_THAT(text, HasSubstr("c0 [f6@6 loop c0 [f7@7 [f8@8 [f9@9"));
  EXPECT_THAT(text, EndsWith("[f20@20 [f21@21 [f22@22"));
  EXPECT_EQ(world.state->steps, 48u);
}

// ---- A value that was replaced
// ----------------------------------------------------------------------------------------

TEST_F(PythonWalk, AReferenceToAReplacedValueIsNamed) {
  set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0)});
  world.install(runtime);
  ++world.world.runtimes.back().generation;
  EXPECT_EQ(world.walk(), "a:20010 c0") << "nothing is known of a loop";
  EXPECT_EQ(world.counted(SP_COUNT_runtime_stale), 1u);
}

TEST_F(PythonWalk, AValueThatIsReplacedDuringTheWalkIsNotGoneBy) {
  for (const bool removed : {false, true}) {
    SCOPED_TRACE(removed);
    world = {};
    set_up(SP_PYTHON_EACH, {0, 0, 0}, {W::loop(), W::c(0), W::loop(), W::c(1), W::loop(), W::c(2)});
    world.world.on_read = [&](uint64_t address) {
      if (address != world.stack() + 16) return;  // c0 goes to its caller
      auto& value = world.world.runtimes.back();
      if (removed) value = {};
      ++value.generation;
    };
    EXPECT_EQ(walk(), "[f0@0 loop c0 loop c1 loop c2");
    EXPECT_EQ(world.counted(SP_COUNT_runtime_stale), 1u) << "once a walk";
    EXPECT_EQ(end(), SP_COUNT_complete);
  }
}

TEST_F(PythonWalk, AValueThatIsReplacedDuringAStepSpoilsOneFrameAtMost) {
  set_up(SP_PYTHON_EACH, {0, 0, 0}, {W::loop(), W::c(0), W::loop(), W::c(1), W::loop(), W::c(2)});
  world.world.on_read = [&](uint64_t address) {
    if (address == frames[1]) world.world.runtimes.back() = {};
  };
  const std::string text = walk();
  EXPECT_THAT(text, StartsWith("[f0@0 loop c0 [f"));
  EXPECT_THAT(text, EndsWith(" loop c1 loop c2"));
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_frames), 2u);
}

}  // namespace
}  // namespace splitprof
