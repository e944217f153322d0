// SPDX-License-Identifier: Apache-2.0
#include "shared/record_slot.h"

#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <vector>

#include "schema/records.capnp.h"

namespace splitprof {
namespace {

void build_sample(RecordSlot& slot, unsigned frames) {
  auto sample = slot.initRoot<schema::Record>().initSample();
  sample.setPid(7);
  auto list = sample.initUserFrames(frames);
  for (unsigned i = 0; i < frames; ++i) list.set(i, i);
  sample.setComm(kj::StringPtr("worker").asBytes());
}

TEST(RecordSlot, BuildsInPlaceOneSegmentThatReadsBack) {
  std::vector<uint64_t> memory(500);
  RecordSlot slot(memory);
  build_sample(slot, 100);
  const size_t words = slot.finish();
  ASSERT_GT(words, 100u);
  ASSERT_LT(words, 150u);
  for (size_t i = words; i < memory.size(); ++i) ASSERT_EQ(memory[i], 0u) << "wrote past its end";

  const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(memory.data()), words);
  capnp::SegmentArrayMessageReader message({&segment, 1});
  const auto sample = message.getRoot<schema::Record>().getSample();
  EXPECT_EQ(sample.getPid(), 7u);
  ASSERT_EQ(sample.getUserFrames().size(), 100u);
  EXPECT_EQ(sample.getUserFrames()[99], 99u);
}

TEST(RecordSlot, FillsItsSlotToTheLastWord) {
  std::vector<uint64_t> memory(1000);
  RecordSlot large(memory);
  build_sample(large, 100);
  const size_t needed = large.finish();
  std::vector<uint64_t> exact(needed), short_by_one(needed - 1);
  RecordSlot fits(exact);
  build_sample(fits, 100);
  EXPECT_EQ(fits.finish(), needed);
  RecordSlot does_not_fit(short_by_one);
  build_sample(does_not_fit, 100);
  EXPECT_EQ(does_not_fit.finish(), 0u);
}

TEST(RecordSlot, SurvivesAnySlotThatIsTooSmall) {
  for (size_t words = 0; words < 40; ++words) {
    std::vector<uint64_t> memory(words);
    RecordSlot slot(memory);
    build_sample(slot, 3000);
    EXPECT_EQ(slot.finish(), 0u) << words;
  }
}

}  // namespace
}  // namespace splitprof
