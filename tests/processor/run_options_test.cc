// SPDX-License-Identifier: Apache-2.0
//
// What a daemon asks of a Run and a recording does not: reports again and again, sampling by chance, files' hashes,
// times of samples, chosen variables, ages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "processor/profiling_receiver.h"
#include "processor/run.h"
#include "tests/processor/build_record.h"
#include "tests/processor/own_process_input.h"

namespace splitprof {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Pair;

constexpr uint64_t kSecondNs = 1'000'000'000;

struct Observed {
  std::vector<Run::Interval> intervals;
  std::vector<Configure> configurations;
  unsigned counters = 0;
};

Observed run_for(uint64_t seconds, Run::Options options) {
  OwnProcessInput input;
  Metrics metrics;
  splitprof::Run run(input, metrics, std::move(options));
  Observed observed;
  run.on_report = [&](const Profile&, const Symbolizer&) { observed.intervals.push_back(run.interval()); };
  run.on_counters = [&](const Counters& counters) { observed.counters += counters.values.size() == 1; };
  run.on_progress = [&] {
    if (seconds-- == 0) input.events.push_back(StopEvent{});
  };
  const auto ran = run.run();
  EXPECT_TRUE(ran) << ran.error().message;
  observed.configurations = input.configurations;
  return observed;
}

TEST(RunOptions, EachIntervalHasExactlyOneReportAndTheEndHasOne) {
  const auto observed = run_for(20, {.report_interval_ns = 5 * kSecondNs});
  ASSERT_EQ(observed.intervals.size(), 5u);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(static_cast<double>(observed.intervals[i].end_ns - observed.intervals[i].begin_ns), 5e9, 2e8);
  for (size_t i = 1; i < observed.intervals.size(); ++i)
    EXPECT_EQ(observed.intervals[i].begin_ns, observed.intervals[i - 1].end_ns) << "no gap";
}

TEST(RunOptions, JitterChangesEachIntervalWithinItsBoundsAndIsTheSameForTheSameSeed) {
  const auto lengths = [](uint64_t seed) {
    std::vector<uint64_t> found;
    auto observed = run_for(300, {.report_interval_ns = 5 * kSecondNs, .report_jitter = 0.2, .seed = seed});
    observed.intervals.pop_back();  // the last one ends when the run does
    for (const auto& interval : observed.intervals) found.push_back(interval.end_ns - interval.begin_ns);
    return found;
  };
  const auto one = lengths(1);
  EXPECT_THAT(one, Each(testing::AllOf(testing::Ge(3'900'000'000u), testing::Le(6'100'000'000u))));
  EXPECT_GT(std::set(one.begin(), one.end()).size(), one.size() / 4) << "in steps of a tick";
  EXPECT_GE(one.size(), 50u);
  EXPECT_EQ(one, lengths(1));
  EXPECT_NE(one, lengths(2));
}

TEST(RunOptions, SamplingIsOnInAsManyIntervalsAsChanceWillHaveIt) {
  const auto observed =
      run_for(3000, {.hz = 97, .sampling_percent = 30, .sampling_interval_ns = 10 * kSecondNs, .seed = 3});
  ASSERT_GE(observed.configurations.size(), 290u);
  size_t on = 0;
  for (const auto& configuration : observed.configurations) on += configuration.hz == 97;
  // 300 decisions with 30 %: 90, and a standard deviation of 8.
  EXPECT_GT(on, 58u);
  EXPECT_LT(on, 122u);
  EXPECT_EQ(observed.configurations.back().hz, 0u) << "the end";
}

TEST(RunOptions, WithoutChanceSamplingIsConfiguredOnce) {
  const auto observed = run_for(200, {.hz = 20, .cpus = {1, 3}, .idle = true});
  ASSERT_EQ(observed.configurations.size(), 2u);
  EXPECT_EQ(observed.configurations[0].hz, 20u);
  EXPECT_THAT(observed.configurations[0].cpus, ElementsAre(1, 3));
  EXPECT_TRUE(observed.configurations[0].idle);
  EXPECT_EQ(observed.configurations[1].hz, 0u);
}

TEST(RunOptions, CountersAreAskedForInTheirInterval) {
  EXPECT_NEAR(run_for(20, {.counters_interval_ns = 2 * kSecondNs}).counters, 10, 1);
  EXPECT_EQ(run_for(20, {}).counters, 0u);
}

extern "C" [[gnu::noinline]] int splitprof_test_place(int x) {
  asm volatile("" : "+r"(x));
  return x + 1;
}

class PipelineOptionsTest : public testing::Test {
 protected:
  void begin(Pipeline::Options options) {
    pipeline = std::make_unique<Pipeline>(input, metrics, std::move(options));
    feed(build_record([](schema::Record::Builder record) {
           auto sync = record.initClockSync();
           sync.setMonotonicNs(100);
           sync.setRealtimeNs(200);
           sync.setBoottimeNs(100 + kSecondNs);  // the machine has slept for a second
         }),
         kFormatRecord);
  }
  void feed(const std::vector<uint64_t>& words, uint32_t format) { pipeline->on_event(RecordEvent{format, words}); }
  void sample(uint64_t time_ns, uint32_t pid = 10) {
    feed(build_sample({.time_ns = time_ns, .pid = pid, .process = pid, .user = {address}}), kFormatSampleRecord);
  }
  void settle(uint64_t now_ns) {
    pipeline->on_event(TickEvent{now_ns});
    while (!input.events.empty()) pipeline->on_event(input.next());
    EXPECT_EQ(metrics.samples_consumed, samples_accounted(metrics));
  }
  const Resource& resource() { return pipeline->profile().resources().at(pipeline->profile().counts().at(0).resource); }

  const uint64_t address = reinterpret_cast<uint64_t>(&splitprof_test_place);
  Metrics metrics;
  OwnProcessInput input;
  std::unique_ptr<Pipeline> pipeline;
};

TEST_F(PipelineOptionsTest, SamplesOfYoungProcessesAreDroppedAndCounted) {
  begin({.min_process_age_ns = 3 * kSecondNs});
  sample(kSecondNs);  // the process began at 7 ns of CLOCK_BOOTTIME: it is 2 s old
  settle(2 * kSecondNs);
  EXPECT_EQ(pipeline->profile().samples(), 0u);
  EXPECT_EQ(metrics.samples_too_young, 1u);
  EXPECT_EQ(input.times_asked<AskMappings>(), 0u) << "nothing is asked about it";
  sample(2 * kSecondNs + 7);
  settle(3 * kSecondNs);
  EXPECT_EQ(pipeline->profile().samples(), 1u);
}

TEST_F(PipelineOptionsTest, MomentsAreKeptWhenThereIsRoomForThem) {
  begin({.max_moments = 2});
  for (uint64_t i = 0; i < 3; ++i) sample(kSecondNs + i);
  settle(2 * kSecondNs);
  const auto& profile = pipeline->profile();
  ASSERT_EQ(profile.moments().size(), 2u);
  EXPECT_EQ(profile.moments()[1].time_ns, kSecondNs + 1);
  EXPECT_EQ(profile.threads().at(profile.moments()[0].thread), (Thread{10, "tested"}));
  EXPECT_EQ(profile.samples(), 3u);
  pipeline->take_profile();
  EXPECT_EQ(metrics.moments_dropped, 1u);
}

// By this name an interpreter is known; nothing else of one is here, so that it is met, and not understood.
extern "C" [[gnu::used, gnu::noinline]] void _PyEval_EvalFrameDefault() {
  asm volatile("");
}

TEST(RunOptions, InterpretersAreDisabledByTheirNames) {
  EXPECT_THAT(run_options({}, 1).disabled, testing::IsEmpty());
  EXPECT_THAT(run_options({.disabled_interpreters = {"ruby", "python", "go.labels"}}, 1).disabled,
              ElementsAre(SP_RUNTIME_python))
      << "whose frames are not found yet cannot be disabled either";
}

TEST_F(PipelineOptionsTest, InterpretersAreLookedForUnlessTheyAreDisabled) {
  begin({});
  sample(kSecondNs);
  settle(2 * kSecondNs);
  EXPECT_EQ(metrics.runtimes_not_understood, 1u);

  metrics = {};
  begin({.disabled = {SP_RUNTIME_python}});
  sample(kSecondNs);
  settle(2 * kSecondNs);
  EXPECT_EQ(metrics.samples_consumed, 1u);
  EXPECT_EQ(metrics.runtimes_not_understood, 0u);
}

TEST_F(PipelineOptionsTest, RecordingsKeepNoMomentsAndHashNoFiles) {
  begin({});
  sample(kSecondNs);
  settle(2 * kSecondNs);
  EXPECT_EQ(pipeline->profile().samples(), 1u);
  EXPECT_TRUE(pipeline->profile().moments().empty());
  EXPECT_TRUE(pipeline->profile().threads().empty());
  for (const auto& executable : pipeline->executables().all()) EXPECT_EQ(executable->htl_hash, "");
}

TEST_F(PipelineOptionsTest, FilesHaveTheirHashBeforeTheirFirstFrame) {
  begin({.hash_files = true});
  sample(kSecondNs);
  settle(2 * kSecondNs);
  const auto& profile = pipeline->profile();
  ASSERT_EQ(profile.samples(), 1u);
  const auto& frame = profile.frames().at(profile.trace_frames(0)[0]);
  ASSERT_EQ(frame.kind, Frame::Kind::native);
  EXPECT_EQ(pipeline->executables().at(frame.place)->htl_hash.size(), 32u);
}

TEST_F(PipelineOptionsTest, ChosenVariablesBelongToTheResource) {
  using namespace std::string_literals;
  input.environment = "SECRET=x\0REGION=eu\0"s;
  begin({.variables = {"REGION", "ABSENT"}});
  sample(kSecondNs);
  sample(kSecondNs + 1);
  settle(2 * kSecondNs);
  EXPECT_EQ(pipeline->profile().samples(), 2u);
  EXPECT_THAT(resource().environment, ElementsAre(Pair("REGION", "eu")));
  EXPECT_EQ(input.times_asked<AskEnvironment>(), 1u);
}

TEST_F(PipelineOptionsTest, ARefusedEnvironmentCostsNoSample) {
  begin({.variables = {"REGION"}});
  for (const uint32_t pid : {10, 11, 12}) sample(kSecondNs + pid, pid);
  settle(2 * kSecondNs);
  EXPECT_EQ(pipeline->profile().samples(), 3u);
  EXPECT_TRUE(resource().environment.empty());
  EXPECT_EQ(metrics.environments_asked, 3u);
  EXPECT_EQ(metrics.environments_refused, 3u);
}

TEST_F(PipelineOptionsTest, NobodyAsksForAnEnvironmentUnasked) {
  begin({});
  sample(kSecondNs);
  settle(2 * kSecondNs);
  EXPECT_EQ(input.times_asked<AskEnvironment>(), 0u);
}

}  // namespace
}  // namespace splitprof
