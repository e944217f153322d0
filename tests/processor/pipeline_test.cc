// SPDX-License-Identifier: Apache-2.0
#include "processor/pipeline.h"

#include <gtest/gtest.h>

#include "processor/run.h"
#include "tests/processor/build_record.h"
#include "tests/processor/own_process_input.h"

namespace splitprof {
namespace {

// A function whose address and name are known.
extern "C" [[gnu::noinline]] int splitprof_test_landmark(int x) {
  asm volatile("" : "+r"(x));
  return x + 1;
}
uint64_t landmark() {
  return reinterpret_cast<uint64_t>(&splitprof_test_landmark);
}

constexpr uint64_t kT0 = 1'000'000'000;

class PipelineTest : public testing::Test {
 protected:
  explicit PipelineTest(std::vector<Pid> only = {}) : pipeline(input, metrics, {.only = std::move(only)}) {}

  void feed(const std::vector<uint64_t>& words, uint32_t format) { pipeline.on_event(RecordEvent{format, words}); }
  void feed_sample(const SampleText& text) { feed(build_sample(text), kFormatSampleRecord); }
  void feed_event(uint32_t pid, uint64_t time_ns, const std::function<void(schema::ProcessEvent::Builder)>& fill) {
    feed(build_record([&](schema::Record::Builder record) {
           auto event = record.initProcess();
           event.setTimeNs(time_ns);
           event.setPid(pid);
           event.setTid(pid);
           fill(event);
         }),
         kFormatRecord);
  }
  // All answers and jobs there are, and those that they lead to.
  void settle() {
    while (!input.events.empty()) pipeline.on_event(input.next());
  }
  void tick(uint64_t now_ns) { pipeline.on_event(TickEvent{now_ns}); }
  std::vector<Frame> frames_of(TraceId trace) {
    std::vector<Frame> frames;
    for (const FrameId id : pipeline.profile().trace_frames(trace)) frames.push_back(pipeline.profile().frames()[id]);
    return frames;
  }
  void expect_accounting() { EXPECT_EQ(metrics.samples_consumed, samples_accounted(metrics)); }

  Metrics metrics;
  OwnProcessInput input;
  Pipeline pipeline;
};

TEST_F(PipelineTest, TheFirstSampleOfAProcessWaitsForItsMappingsAndIsThenResolved) {
  feed_sample({.time_ns = kT0, .user = {landmark(), landmark() + 1}});
  tick(kT0 + 200'000'000);
  EXPECT_EQ(pipeline.profile().samples(), 0u);
  EXPECT_EQ(pipeline.held_samples(), 1u);
  settle();
  EXPECT_EQ(pipeline.held_samples(), 0u);
  ASSERT_EQ(pipeline.profile().samples(), 1u);
  const auto frames = frames_of(0);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].kind, Frame::Kind::native);
  EXPECT_FALSE(frames[0].return_address);
  EXPECT_TRUE(frames[1].return_address);
  EXPECT_EQ(frames[1].address, frames[0].address + 1);
  const auto* executable = pipeline.executables().at(frames[0].place);
  ASSERT_NE(executable, nullptr);
  EXPECT_TRUE(executable->path.ends_with("pipeline_test")) << executable->path;
  const auto& resource = pipeline.profile().resources()[pipeline.profile().counts()[0].resource];
  EXPECT_EQ(resource.process_name, "tested");
  EXPECT_EQ(resource.executable_path, "/bin/test-program");
  EXPECT_EQ(resource.cgroup, "0::/test\n");
  expect_accounting();
}

TEST_F(PipelineTest, AProcessIsAskedAboutOnceForManySamples) {
  for (int i = 0; i < 50; ++i) feed_sample({.time_ns = kT0 + i, .user = {landmark()}});
  tick(kT0 + 200'000'000);
  settle();
  for (int i = 0; i < 50; ++i) feed_sample({.time_ns = kT0 + 300'000'000 + i, .user = {landmark()}});
  tick(kT0 + 600'000'000);
  settle();
  EXPECT_EQ(pipeline.profile().samples(), 100u);
  EXPECT_EQ(pipeline.profile().trace_count(), 1u);
  EXPECT_EQ(input.times_asked<AskMappings>(), 1u);
  EXPECT_EQ(input.times_asked<AskDescription>(), 1u);
  EXPECT_EQ(metrics.samples_held, 50u);
  expect_accounting();
}

TEST_F(PipelineTest, TheKernelIsToldEveryMappingInOrderAndEveryTable) {
  feed_sample({.time_ns = kT0, .user = {landmark()}});
  tick(kT0 + 200'000'000);
  settle();
  const auto& list = input.lists[ProcessKey(1)];
  ASSERT_GT(list.size(), 2u);
  EXPECT_TRUE(std::is_sorted(list.begin(), list.end(), [](auto& a, auto& b) { return a.start < b.start; }));
  const auto ours = std::find_if(list.begin(), list.end(), [](const auto& m) {
    return landmark() >= m.start.value && landmark() - m.start.value < m.length;
  });
  ASSERT_NE(ours, list.end());
  EXPECT_GE(ours->table, 100u);
  EXPECT_NE(ours->table, SP_TABLE_PENDING);
  EXPECT_EQ(metrics.tables_accepted, input.times_asked<InstallTable>());
  // The same files of another process have their tables already.
  const auto installed = input.times_asked<InstallTable>();
  feed_sample({.time_ns = kT0 + 300'000'000, .pid = 11, .process = 2, .user = {landmark()}});
  tick(kT0 + 500'000'000);
  settle();
  EXPECT_EQ(input.times_asked<InstallTable>(), installed);
  EXPECT_EQ(input.lists[ProcessKey(2)].size(), input.lists[ProcessKey(1)].size());
}

TEST_F(PipelineTest, AProcessThatIsGoneStillCounts) {
  input.process_gone = true;
  feed_sample({.time_ns = kT0, .end = SP_COUNT_unknown_process, .user = {landmark()}});
  tick(kT0 + 200'000'000);
  settle();
  ASSERT_EQ(pipeline.profile().samples(), 1u);
  const auto frames = frames_of(0);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].kind, Frame::Kind::unknown);
  EXPECT_EQ(frames[1].kind, Frame::Kind::marker);
  EXPECT_EQ(frames[1].place, uint32_t{SP_COUNT_unknown_process});
  expect_accounting();
}

TEST_F(PipelineTest, AChildThatEndedTooSoonHasItsParentsFiles) {
  feed_sample({.time_ns = kT0, .user = {landmark()}});
  tick(kT0 + 200'000'000);
  settle();
  feed_event(11, kT0 + 300'000'000, [](auto event) { event.initFork().setParentPid(10); });
  input.process_gone = true;
  feed_sample({.time_ns = kT0 + 300'001'000, .pid = 11, .process = 2, .user = {landmark()}});
  tick(kT0 + 500'000'000);
  settle();
  ASSERT_EQ(pipeline.profile().samples(), 2u);
  EXPECT_EQ(pipeline.profile().trace_count(), 1u);  // the same frames
  EXPECT_EQ(frames_of(0)[0].kind, Frame::Kind::native);
}

TEST_F(PipelineTest, AnExecLeavesNothingOfTheProgramBefore) {
  feed_sample({.time_ns = kT0, .user = {landmark()}});
  tick(kT0 + 200'000'000);
  settle();
  feed_event(10, kT0 + 300'000'000, [](auto event) { event.initExec().setComm(as_data("new")); });
  input.process_gone = true;
  feed_sample({.time_ns = kT0 + 300'001'000, .process = 2, .user = {landmark()}});
  tick(kT0 + 500'000'000);
  settle();
  ASSERT_EQ(pipeline.profile().trace_count(), 2u);
  EXPECT_EQ(frames_of(1)[0].kind, Frame::Kind::unknown);
}

TEST_F(PipelineTest, AnUnexplainedAddressHasTheMappingsReadAgainButNotForEverySample) {
  feed_sample({.time_ns = kT0, .user = {landmark()}});
  tick(kT0 + 200'000'000);
  settle();
  ASSERT_EQ(input.times_asked<AskMappings>(), 1u);
  for (int i = 0; i < 20; ++i) feed_sample({.time_ns = kT0 + 300'000'000 + i, .user = {0x1000}});
  tick(kT0 + 500'000'000);
  settle();
  EXPECT_EQ(input.times_asked<AskMappings>(), 2u);
  for (int i = 0; i < 20; ++i) feed_sample({.time_ns = kT0 + 600'000'000 + i, .user = {0x1000}});
  tick(kT0 + 800'000'000);
  settle();
  EXPECT_EQ(input.times_asked<AskMappings>(), 2u);
  EXPECT_EQ(metrics.maps_limited, 20u);
  EXPECT_EQ(pipeline.profile().samples(), 41u);
  expect_accounting();
}

TEST_F(PipelineTest, KernelThreadsAndTruncatedStacksAreToldApart) {
  feed_sample({.time_ns = kT0, .process = 0, .end = SP_COUNT_no_user_stack, .kernel = {0xffffffff81001004}});
  feed_sample({.time_ns = kT0 + 1, .pid = 12, .process = 0, .end = SP_COUNT_denied, .kernel = {}});
  tick(kT0 + 200'000'000);
  ASSERT_EQ(pipeline.profile().samples(), 2u);
  EXPECT_EQ(frames_of(0), (std::vector<Frame>{{Frame::Kind::kernel, false, 0, 0xffffffff81001004}}));
  EXPECT_EQ(frames_of(1), (std::vector<Frame>{{Frame::Kind::marker, false, SP_COUNT_denied, 0}}));
  EXPECT_EQ(input.times_asked<AskMappings>(), 0u);
}

TEST_F(PipelineTest, BrokenRecordsAreCountedByKind) {
  feed({0xffffffffffffffff}, kFormatSampleRecord);
  feed({0xffffffffffffffff}, kFormatRecord);
  feed(build_sample({.time_ns = kT0}), kFormatRecord);  // a sample that hides from the accounting
  EXPECT_EQ(metrics.samples_malformed, 1u);
  EXPECT_EQ(metrics.records_malformed, 2u);
  tick(kT0 + 200'000'000);
  EXPECT_EQ(pipeline.profile().samples(), 0u);
  expect_accounting();
}

class FilteredPipelineTest : public PipelineTest {
 protected:
  FilteredPipelineTest() : PipelineTest({Pid(10)}) {}
};

TEST_F(FilteredPipelineTest, KeepsWhatWasAskedForAndItsDescendants) {
  feed_event(20, kT0, [](auto event) { event.initFork().setParentPid(10); });
  feed_event(30, kT0 + 1, [](auto event) { event.initFork().setParentPid(20); });
  for (const uint32_t pid : {10, 20, 30, 40}) feed_sample({.time_ns = kT0 + 2 + pid, .pid = pid, .process = pid});
  tick(kT0 + 200'000'000);
  settle();
  EXPECT_EQ(pipeline.profile().samples(), 3u);
  EXPECT_EQ(metrics.samples_filtered, 1u);
  EXPECT_EQ(input.times_asked<AskMappings>(), 3u);
  expect_accounting();
}

// The whole life of a session: rate set, samples, stop, rate 0, symbols, one report.
TEST(RunTest, EndsWithNamesAndAnExactAccounting) {
  OwnProcessInput input;
  Metrics metrics;
  splitprof::Run run(input, metrics, {.hz = 97});
  std::vector<std::string> names;
  uint64_t samples = 0;
  unsigned reports = 0, progress = 0;
  run.on_progress = [&] {
    ++progress;
    return true;
  };
  run.on_report = [&](const Profile& profile, const Symbolizer& symbolizer) {
    ++reports;
    samples = profile.samples();
    for (const auto& frame : profile.frames())
      for (const auto& symbol : symbolizer.symbolize(frame)) names.push_back(symbol.function);
  };
  const auto words = build_sample({.time_ns = kT0, .kernel = {0xffffffff81001004}, .user = {landmark()}});
  input.events.push_back(RecordEvent{kFormatSampleRecord, words});
  input.events.push_back(StopEvent{});
  const auto result = run.run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(reports, 1u);
  EXPECT_EQ(samples, 1u);
  EXPECT_EQ(names, (std::vector<std::string>{"some_kernel_function", "splitprof_test_landmark"}));
  EXPECT_EQ(input.rates, (std::vector<uint32_t>{97, 0}));
  EXPECT_EQ(run.host()->host_name, "here");
  EXPECT_EQ(run.first_sample_ns(), kT0);
  EXPECT_EQ(run.sampler_counters().values.size(), 1u);
  EXPECT_EQ(metrics.samples_consumed, samples_accounted(metrics));
}

TEST(RunTest, ASamplerThatGoesAwayEndsItWithWhatThereIs) {
  OwnProcessInput input;
  Metrics metrics;
  splitprof::Run run(input, metrics, {.hz = 97});
  uint64_t samples = 0;
  run.on_report = [&](const Profile& profile, const Symbolizer&) { samples += profile.samples(); };
  const auto words = build_sample({.time_ns = kT0, .user = {landmark()}});
  // The answers to its first questions come before the record.
  auto later = [&] {
    input.events.push_back(RecordEvent{kFormatSampleRecord, words});
    input.events.push_back(DisconnectedEvent{"gone"});
  };
  run.on_progress = [&, once = false]() mutable {
    if (!std::exchange(once, true)) later();
    return true;
  };
  const auto result = run.run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(run.disconnected());
  EXPECT_EQ(samples, 1u);
}

}  // namespace
}  // namespace splitprof
