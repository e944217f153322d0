// SPDX-License-Identifier: Apache-2.0
#include "processor/traces/profile.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "bpf/abi.h"

namespace splitprof {
namespace {

Frame native(uint32_t place, uint64_t address) {
  return {.kind = Frame::Kind::native, .place = place, .address = address};
}

std::vector<Frame> frames_of(const Profile& profile, TraceId trace) {
  std::vector<Frame> frames;
  for (FrameId id : profile.trace_frames(trace)) frames.push_back(profile.frames()[id]);
  return frames;
}

TEST(Profile, CountsEqualTracesOfOneResourceTogether) {
  Profile profile;
  const auto resource = profile.intern_resource({.pid = 7, .process_name = "seven"});
  const std::vector<Frame> stack{native(1, 16), native(1, 32)};
  profile.add(resource, stack, SP_COUNT_complete, 1000, 1);
  profile.add(resource, stack, SP_COUNT_complete, 500, 4);
  ASSERT_EQ(profile.counts().size(), 1u);
  EXPECT_EQ(profile.counts()[0].samples, 2u);
  EXPECT_EQ(profile.counts()[0].value, 5u);
  EXPECT_EQ(profile.frames().size(), 2u);
  EXPECT_EQ(profile.first_sample_ns(), 500u);
  EXPECT_EQ(profile.last_sample_ns(), 1000u);
}

TEST(Profile, KeepsTracesApartThatDifferInAnything) {
  Profile profile;
  const auto a = profile.intern_resource({.pid = 1});
  const auto b = profile.intern_resource({.pid = 1, .start_time_ns = 1});  // the pid was used again
  EXPECT_NE(a, b);
  auto returned = native(1, 16);
  returned.return_address = true;
  profile.add(a, std::vector{native(1, 16)}, SP_COUNT_complete, 1, 1);
  profile.add(a, std::vector{native(1, 16)}, SP_COUNT_time, 1, 1);
  profile.add(a, std::vector{native(2, 16)}, SP_COUNT_complete, 1, 1);
  profile.add(a, std::vector{returned}, SP_COUNT_complete, 1, 1);
  profile.add(a, std::vector{native(1, 16), native(1, 16)}, SP_COUNT_complete, 1, 1);
  profile.add(a, {}, SP_COUNT_no_user_stack, 1, 1);
  EXPECT_EQ(profile.counts().size(), 6u);
  profile.add(b, std::vector{native(1, 16)}, SP_COUNT_complete, 1, 1);
  EXPECT_EQ(profile.counts().size(), 7u);
  EXPECT_EQ(profile.trace_count(), 6u);  // the trace is shared
  EXPECT_EQ(profile.samples_ended(SP_COUNT_complete), 5u);
  EXPECT_EQ(profile.samples_ended(SP_COUNT_time), 1u);
}

TEST(Profile, EndsThatNobodyDefinedAreCountedTogether) {
  Profile profile;
  const auto resource = profile.intern_resource({});
  profile.add(resource, {}, 4711, 1, 1);
  profile.add(resource, {}, UINT16_MAX, 1, 1);
  EXPECT_EQ(profile.samples_ended(100), 2u);
}

// Whatever the limits are: no sample vanishes, and what was kept is exactly what was put in.
TEST(Profile, AgreesWithAMapUnderEveryLimit) {
  using Key = std::tuple<ResourceId, std::vector<Frame>, uint16_t>;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    ProfileLimits limits;
    if (seed % 5 == 1) limits.max_frames = random() % 40;
    if (seed % 5 == 2) limits.max_traces = random() % 40;
    if (seed % 5 == 3) limits.max_counts = random() % 40;
    if (seed % 5 == 4) limits.max_trace_frames = random() % 400;
    Profile profile(limits);
    std::map<Key, uint64_t> expected;
    for (int i = 0; i < 3000; ++i) {
      const auto resource = profile.intern_resource({.pid = static_cast<uint32_t>(random() % 4)});
      std::vector<Frame> stack(random() % 6);
      for (Frame& frame : stack) frame = native(random() % 3, random() % 24);
      const auto end = static_cast<uint16_t>(random() % 2);
      ++expected[{resource, stack, end}];
      profile.add(resource, stack, end, i + 1, 1);
    }
    uint64_t sum = 0, not_kept = 0;
    for (const TraceCount& count : profile.counts()) {
      sum += count.samples;
      const auto stack = frames_of(profile, count.trace);
      if (!stack.empty() && stack[0].kind == Frame::Kind::marker) {
        EXPECT_EQ(stack[0].place, Marker::kLimit);
        EXPECT_EQ(stack.size(), 1u);
        not_kept += count.samples;
        continue;
      }
      // A trace that came again after its first sample was refused cannot be known: limits never shrink.
      const auto found = expected.find({count.resource, stack, profile.trace_end(count.trace)});
      ASSERT_NE(found, expected.end());
      EXPECT_EQ(count.samples, found->second);
    }
    EXPECT_EQ(sum, 3000u);
    EXPECT_EQ(profile.samples(), 3000u);
    EXPECT_EQ(profile.dropped_by_limits(), not_kept);
    EXPECT_LE(profile.frames().size(), limits.max_frames + 1);
    EXPECT_LE(profile.trace_count(), limits.max_traces + 1);
    EXPECT_LE(profile.counts().size(), limits.max_counts + 4);
    if (seed % 5 == 0) {
      EXPECT_EQ(not_kept, 0u);
      EXPECT_EQ(profile.counts().size(), expected.size());
    }
  }
}

TEST(Profile, FurtherResourcesAreOneResource) {
  Profile profile({.max_resources = 2});
  EXPECT_EQ(profile.intern_resource({.pid = 1}), 0u);
  EXPECT_EQ(profile.intern_resource({.pid = 2}), 1u);
  EXPECT_EQ(profile.intern_resource({.pid = 3}), 2u);
  EXPECT_EQ(profile.intern_resource({.pid = 4}), 2u);
  EXPECT_EQ(profile.intern_resource({.pid = 1}), 0u);
  EXPECT_EQ(profile.resources()[2].process_name, "[other processes]");
  profile.add(2, std::vector{native(1, 1)}, SP_COUNT_complete, 1, 1);
  EXPECT_EQ(profile.dropped_by_limits(), 1u);
}

}  // namespace
}  // namespace splitprof
