// SPDX-License-Identifier: Apache-2.0
//
// Who has which interpreters, over real BPF maps.
#include "sampler/tables/runtimes.h"

#include <array>
#include <set>

#include "sampler/tables/mapping_lists.h"
#include "tests/sampler/tables/bpf_maps.h"

namespace splitprof {
namespace {

// Told apart by a field.
sp_runtime value(uint64_t mark) {
  sp_runtime runtime{.kind = SP_RUNTIME_python};
  runtime.fields[0] = mark;
  return runtime;
}

class RuntimesTest : public BpfMaps {
 protected:
  ~RuntimesTest() noexcept override = default;
  void SetUp() override {
    BpfMaps::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    map_ = make_map(BPF_MAP_TYPE_ARRAY, "runtimes", sizeof(sp_runtime), SP_MAX_RUNTIMES);
    runtimes_ = std::make_unique<Runtimes>(*arena_, map_, procs_);
  }
  bool set(uint32_t tgid, uint64_t mark) {
    const auto one = value(mark);
    return bool{runtimes_->set(tgid, {&one, 1})};
  }
  sp_runtime read(uint32_t reference) const {
    const uint32_t number = SP_RUNTIME_REF_INDEX(reference);
    sp_runtime runtime{};
    EXPECT_EQ(bpf_map_lookup_elem(map_, &number, &runtime), 0);
    return runtime;
  }
  // Whether BPF would go by it: the generation is that of the reference.
  bool in_force(uint32_t reference) const {
    const auto generation = read(reference).generation;
    return generation && (generation & SP_RUNTIME_GENERATION_MASK) == SP_RUNTIME_REF_GENERATION(reference);
  }
  uint32_t reference(uint32_t tgid, int index = 0) const { return read_proc(tgid).value_or(sp_proc{}).runtimes[index]; }

  kj::AutoCloseFd map_;
  std::unique_ptr<Runtimes> runtimes_;
};

TEST_F(RuntimesTest, AValueIsWhatBpfLooksUp) {
  const std::array<sp_runtime, 2> values = {value(7), value(8)};
  ASSERT_TRUE(runtimes_->set(10, values));
  for (int i : {0, 1}) {
    ASSERT_TRUE(in_force(reference(10, i)));
    EXPECT_NE(SP_RUNTIME_REF_INDEX(reference(10, i)), 0u);
    EXPECT_EQ(read(reference(10, i)).fields[0], values[i].fields[0]);
    EXPECT_EQ(read(reference(10, i)).kind, SP_RUNTIME_python);
  }
  EXPECT_EQ(reference(10, 2), 0u);
}

TEST_F(RuntimesTest, OthersReplaceThoseThatThereWere) {
  const std::array<sp_runtime, 2> values = {value(1), value(2)};
  ASSERT_TRUE(runtimes_->set(10, values));
  const uint32_t before[] = {reference(10, 0), reference(10, 1)};
  ASSERT_TRUE(set(10, 3));
  EXPECT_EQ(read(reference(10)).fields[0], 3u);
  EXPECT_EQ(reference(10, 1), 0u);
  EXPECT_FALSE(in_force(before[0]));
  EXPECT_FALSE(in_force(before[1]));
  ASSERT_TRUE(runtimes_->set(10, {}));
  EXPECT_EQ(reference(10), 0u);
  ASSERT_TRUE(runtimes_->set(11, {}));
  EXPECT_FALSE(read_proc(11)) << "there is nothing to say of it";
}

TEST_F(RuntimesTest, MappingsAndRuntimesAreSetInEitherOrder) {
  MappingLists lists(*arena_, procs_);
  const sp_mapping mapping{0x1000, 0, 1, 0};
  for (const bool runtimes_first : {true, false}) {
    SCOPED_TRACE(runtimes_first);
    const uint32_t tgid = runtimes_first ? 20 : 21;
    if (runtimes_first) {
      ASSERT_TRUE(set(tgid, 5));
      EXPECT_EQ(read_proc(tgid)->list, 0u);
    }
    ASSERT_TRUE(lists.set(tgid, {&mapping, 1}));
    if (!runtimes_first) {
      ASSERT_TRUE(set(tgid, 5));
    }
    EXPECT_NE(read_proc(tgid)->list, 0u);
    EXPECT_EQ(read_proc(tgid)->n_mappings, 1u);
    EXPECT_TRUE(in_force(reference(tgid)));
    ASSERT_TRUE(lists.set(tgid, {&mapping, 1}));
    EXPECT_TRUE(in_force(reference(tgid))) << "later mappings leave them alone";
    runtimes_->sweep();
    lists.sweep();
    EXPECT_TRUE(in_force(reference(tgid)));
  }
}

TEST_F(RuntimesTest, ForkedChildrenShareValuesUntilTheyGetTheirOwn) {
  ASSERT_TRUE(set(10, 1));
  fork_in_kernel(10, 11);
  fork_in_kernel(10, 12);
  runtimes_->forked(10, 11);
  runtimes_->forked(10, 12);
  const uint32_t shared = reference(11);
  ASSERT_TRUE(set(10, 2));
  EXPECT_TRUE(in_force(shared)) << "children still go by it";
  ASSERT_TRUE(set(11, 3));
  EXPECT_TRUE(in_force(shared));
  end_in_kernel(12);
  runtimes_->sweep();
  EXPECT_FALSE(in_force(shared)) << "nobody does";
  EXPECT_TRUE(in_force(reference(10)));
  EXPECT_TRUE(in_force(reference(11)));
}

TEST_F(RuntimesTest, AForkHeardOfTooLateTakesNothingFromTheChild) {
  ASSERT_TRUE(set(10, 1));
  fork_in_kernel(10, 11);
  ASSERT_TRUE(set(11, 2));
  runtimes_->forked(10, 11);
  EXPECT_EQ(read(reference(11)).fields[0], 2u);
  runtimes_->sweep();
  EXPECT_TRUE(in_force(reference(11)));
  // One that has become another program meanwhile.
  fork_in_kernel(10, 12);
  end_in_kernel(12);
  runtimes_->forked(10, 12);
  const uint32_t of_parent = reference(10);
  ASSERT_TRUE(set(10, 3));
  EXPECT_FALSE(in_force(of_parent));
}

TEST_F(RuntimesTest, AProcessWithTheNumberOfAnotherSharesItsParentsValues) {
  ASSERT_TRUE(set(10, 1));
  ASSERT_TRUE(set(11, 2));
  const uint32_t of_another = reference(11);
  end_in_kernel(11);
  fork_in_kernel(10, 11);
  runtimes_->forked(10, 11);
  const uint32_t shared = reference(10);
  ASSERT_TRUE(set(10, 3));
  EXPECT_TRUE(in_force(shared));
  EXPECT_FALSE(in_force(of_another));
}

TEST_F(RuntimesTest, SweepForgetsWhatBpfDeleted) {
  ASSERT_TRUE(set(30, 1));
  const uint32_t of_ended = reference(30);
  end_in_kernel(30);
  runtimes_->sweep();
  EXPECT_FALSE(in_force(of_ended));
  EXPECT_EQ(read(of_ended).generation, 0u);
}

TEST_F(RuntimesTest, AFreedNumberRestsForAWholeSweepAndComesBackWithAnotherGeneration) {
  for (uint32_t tgid = 1; tgid < SP_MAX_RUNTIMES; ++tgid) ASSERT_TRUE(set(tgid, tgid));
  std::set<uint32_t> numbers;
  for (uint32_t tgid = 1; tgid < SP_MAX_RUNTIMES; ++tgid) numbers.insert(SP_RUNTIME_REF_INDEX(reference(tgid)));
  EXPECT_EQ(numbers.size(), SP_MAX_RUNTIMES - 1u);
  EXPECT_FALSE(numbers.contains(0));

  const auto one = value(1);
  const auto full = runtimes_->set(5000, {&one, 1});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::too_large);
  EXPECT_FALSE(read_proc(5000));

  const uint32_t freed = reference(77);
  end_in_kernel(77);
  runtimes_->sweep();  // finds it
  EXPECT_FALSE(set(5000, 1));
  runtimes_->sweep();  // it rests
  EXPECT_FALSE(set(5000, 1));
  runtimes_->sweep();
  ASSERT_TRUE(set(5000, 1));
  EXPECT_EQ(SP_RUNTIME_REF_INDEX(reference(5000)), SP_RUNTIME_REF_INDEX(freed));
  EXPECT_NE(reference(5000), freed);
}

TEST_F(RuntimesTest, ARequestThatFindsNoRoomChangesNothing) {
  for (uint32_t tgid = 1; tgid < SP_MAX_RUNTIMES - 1; ++tgid) ASSERT_TRUE(set(tgid, tgid));
  const uint32_t before = reference(5);
  const std::array<sp_runtime, 2> two = {value(1), value(2)};
  EXPECT_FALSE(runtimes_->set(5, two)) << "one number is left";
  EXPECT_EQ(reference(5), before);
  EXPECT_TRUE(in_force(before));
}

TEST_F(RuntimesTest, ADeniedProcessGetsNone) {
  write_proc(20, {.flags = SP_PROC_DENIED});
  EXPECT_FALSE(set(20, 1));
  EXPECT_EQ(reference(20), 0u);
}

TEST_F(RuntimesTest, EverythingEndsWithTheSession) {
  ASSERT_TRUE(set(10, 1));
  fork_in_kernel(10, 11);
  fork_in_kernel(10, 12);
  runtimes_->forked(10, 11);
  const uint32_t was = reference(10);
  runtimes_.reset();
  EXPECT_FALSE(read_proc(10));
  EXPECT_FALSE(read_proc(11));
  EXPECT_FALSE(in_force(was)) << "whoever still points to it";
  // The next session's values are none of those that a forgotten child points to.
  runtimes_ = std::make_unique<Runtimes>(*arena_, map_, procs_);
  ASSERT_TRUE(set(13, 2));
  EXPECT_EQ(SP_RUNTIME_REF_INDEX(reference(13)), SP_RUNTIME_REF_INDEX(was));
  EXPECT_FALSE(in_force(reference(12)));
}

}  // namespace
}  // namespace splitprof
