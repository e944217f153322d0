// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/splice.h"

#include <gtest/gtest.h>

#include "bpf/abi.h"

namespace splitprof {
namespace {

// A stack as text, leaf first: "n1" native, "L1" a loop, "O1" one whose run is its own, "e1" the innermost frame of a
// run, "p1" a further one,
// "!" a chain that broke, "#" a gap.
SampleRecord sample_of(std::string_view text, uint16_t end = SP_COUNT_complete) {
  SampleRecord sample;
  sample.end = end;
  while (!text.empty()) {
    const auto token = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(token.size() + 1, text.size()));
    RawFrame frame{.kind = SP_FRAME_NATIVE, .n_words = 1, .flags = 0, .extra = 0, .first_word = 0};
    if (token[0] == 'L') frame.flags = SP_FRAME_LOOP;
    if (token[0] == 'O') frame.flags = SP_FRAME_LOOP | SP_FRAME_OWN_RUN;
    if (token[0] == '#') frame.kind = SP_FRAME_ABORT;
    if (token[0] == 'e' || token[0] == 'p' || token[0] == '!') frame.kind = SP_FRAME_PYTHON;
    if (token[0] == 'e') frame.flags = SP_FRAME_ENTRY;
    if (token[0] == '!') frame.flags = SP_FRAME_ERROR;
    frame.first_word = static_cast<uint32_t>(sample.user_words.size());
    sample.user_words.push_back(static_cast<uint64_t>(token[0]) << 32 |
                                static_cast<uint64_t>(token.size() > 1 ? std::stoi(std::string(token.substr(1))) : 0));
    sample.interpreted_frames += frame.kind == SP_FRAME_PYTHON;
    sample.user_frames.push_back(frame);
  }
  return sample;
}

std::string text_of(const SampleRecord& sample) {
  std::string text;
  for (const auto& frame : sample.user_frames) {
    const uint64_t word = sample.words(frame)[0];
    if (!text.empty()) text += ' ';
    text += static_cast<char>(word >> 32);
    if (const auto number = static_cast<uint32_t>(word); number != 0) text += std::to_string(number);
  }
  return text;
}

class Splice : public testing::Test {
 protected:
  std::string spliced(std::string_view text, uint16_t end = SP_COUNT_complete) {
    auto sample = sample_of(text, end);
    Splicer(metrics_).splice(sample);
    return text_of(sample);
  }
  Metrics metrics_;
};

TEST_F(Splice, PutsWhatALoopRunsInItsPlace) {
  EXPECT_EQ(spliced("e1 p2 L1 n1 n2 e3 L2 n3"), "e1 p2 n1 n2 e3 n3");
  EXPECT_EQ(spliced("n1 e1 L1 n2"), "n1 e1 n2");
  EXPECT_EQ(metrics_.stacks_realigned, 0u);
}

TEST_F(Splice, LeavesNativeStacksAlone) {
  EXPECT_EQ(spliced("n1 n2 n3"), "n1 n2 n3");
}

TEST_F(Splice, KeepsALoopThatRunsNothing) {
  EXPECT_EQ(spliced("L1 n1 n2"), "L1 n1 n2");
}

TEST_F(Splice, MovesEveryRunByOneLoopWhenTheInnermostHasNoneYet) {
  EXPECT_EQ(spliced("e1 L1 n1 n2 e2 p3 L2 n3 L3 n4"), "n1 n2 e1 n3 e2 p3 n4");
  EXPECT_EQ(spliced("e1 L1 n1 L2 n2"), "n1 e1 n2");
  EXPECT_EQ(metrics_.stacks_realigned, 2u);
}

// A script that has another interpreter run one: the outer interpreter's frames are not known.
TEST_F(Splice, MovesNothingWhereARunIsKnownToBeItsLoops) {
  EXPECT_EQ(spliced("e1 O1 n1 L2 n2"), "e1 n1 L2 n2");
  EXPECT_EQ(spliced("n1 e1 p2 O1 n2 e3 O2 n3 L3 n4"), "n1 e1 p2 n2 e3 n3 L3 n4");
  EXPECT_EQ(metrics_.stacks_realigned, 0u);
}

TEST_F(Splice, MovesNothingInAStackThatIsNotWhole) {
  EXPECT_EQ(spliced("e1 L1 n1 L2 n2", SP_COUNT_time), "e1 n1 L2 n2");
  EXPECT_EQ(spliced("e1 L1 n1 # L2 n2"), "e1 n1 # L2 n2");
  EXPECT_EQ(spliced("e1 ! L1 n1 L2 n2"), "e1 ! n1 L2 n2");
}

TEST_F(Splice, MovesNothingWhenMoreThanOneRunIsMissing) {
  EXPECT_EQ(spliced("e1 L1 n1 L2 n2 L3"), "e1 n1 L2 n2 L3");
}

TEST_F(Splice, KeepsFramesThatCameWithoutTheirLoops) {
  EXPECT_EQ(spliced("n1 e1 L1 n2 e2 p3 e4", SP_COUNT_table_pending), "n1 e1 n2 e2 p3 e4");
}

TEST_F(Splice, PutsRunsBeforeTheLoopsOfAnotherWalk) {
  auto sample = sample_of("n1 e1 p2 e3", SP_COUNT_table_pending);
  auto walked = sample_of("n1 L1 n2 L2 n3");
  sample.end = SP_COUNT_complete;
  Splicer splicer(metrics_);
  splicer.splice_into(sample, walked.user_frames, walked.user_words);
  EXPECT_EQ(text_of(sample), "n1 e1 p2 L1 n2 e3 L2 n3");
  splicer.splice(sample);
  EXPECT_EQ(text_of(sample), "n1 e1 p2 n2 e3 n3");
}

TEST_F(Splice, ARunStaysItsLoopsOwnInAnotherWalk) {
  for (const bool is_own : {false, true}) {
    auto sample = sample_of(is_own ? "n1 e1 p2 O1 n2" : "n1 e1 p2 L1 n2", SP_COUNT_table_pending);
    auto walked = sample_of("n1 L1 n2 L2 n3");
    Splicer splicer(metrics_);
    splicer.splice_into(sample, walked.user_frames, walked.user_words);
    sample.end = SP_COUNT_complete;
    splicer.splice(sample);
    EXPECT_EQ(text_of(sample), is_own ? "n1 e1 p2 n2 L2 n3" : "n1 n2 e1 p2 n3");
  }
}

TEST_F(Splice, KeepsRunsThatTheOtherWalkFoundNoLoopsFor) {
  auto sample = sample_of("n1 e1 e2", SP_COUNT_table_pending);
  auto walked = sample_of("n1 L1 n2");
  Splicer(metrics_).splice_into(sample, walked.user_frames, walked.user_words);
  EXPECT_EQ(text_of(sample), "n1 e1 L1 n2 e2");
}

}  // namespace
}  // namespace splitprof
