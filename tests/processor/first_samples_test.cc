// SPDX-License-Identifier: Apache-2.0
//
// The pipeline and the first samples of a process, which the kernel could not walk, and programs that end before
// anybody could ask about them. This test program plays all of them: its own stack, mappings and files.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "processor/pipeline.h"
#include "tests/own_stack.h"
#include "tests/processor/build_record.h"
#include "tests/processor/own_process_input.h"

namespace splitprof {
namespace {

constexpr uint64_t kT0 = 1'000'000'000;
constexpr uint64_t kMs = 1'000'000;
// When what sample_another_process() has opened is too old to be taken for the same file without a look.
constexpr uint64_t kT1 = kT0 + 3000 * kMs;

class FirstSamplesTest : public testing::Test {
 protected:
  FirstSamplesTest() : pipeline(input, metrics, {}) { recurse(20, own, SP_MAX_STACK_BYTES); }

  void feed(const std::vector<uint64_t>& words, uint32_t format) { pipeline.on_event(RecordEvent{format, words}); }
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
  // What the kernel gives of a process that it does not know yet: the leaf, and a copy.
  SampleText copied(uint64_t time_ns, uint32_t pid, uint64_t key) const {
    return {.time_ns = time_ns,
            .pid = pid,
            .process = key,
            .end = SP_COUNT_unknown_process,
            .user = {own.registers[SP_REGISTER_PC]},
            .registers = own.registers,
            .stack_address = own.address,
            .stack = own.bytes};
  }
  void feed_sample(const SampleText& text) { feed(build_sample(text), kFormatSampleRecord); }
  void feed_exec(uint32_t pid, uint64_t time_ns) {
    feed_event(pid, time_ns, [](auto event) { event.initExec().setComm(as_data("born")); });
    std::ifstream maps("/proc/self/maps");
    const std::string text((std::istreambuf_iterator<char>(maps)), {});
    for (const auto& mapping : parse_mappings(text).mappings)
      feed_event(pid, time_ns + 1, [&](auto event) {
        auto to = event.initMapping();
        to.setStart(mapping.start.value);
        to.setLength(mapping.length);
        to.setFileOffset(mapping.file_offset.value);
        to.setDeviceMajor(mapping.file.device_major);
        to.setDeviceMinor(mapping.file.device_minor);
        to.setInode(mapping.file.inode);
        to.setInodeGeneration(77);  // listings do not say it
        to.setPath(as_data(mapping.file.path));
      });
  }
  void feed_taken(uint32_t pid, uint64_t time_ns) {
    feed_event(pid, time_ns, [](auto event) { event.initTaken().setKey(5); });
  }
  void feed_exit(uint32_t pid, uint64_t time_ns) {
    feed_event(pid, time_ns, [](auto event) { event.setExit(); });
  }
  void settle() {
    while (!input.events.empty()) pipeline.on_event(input.next());
  }
  void tick(uint64_t now_ns) {
    pipeline.on_event(TickEvent{now_ns});
    settle();
  }
  // A process that runs on makes the files known that all share.
  void sample_another_process() {
    feed_sample({.time_ns = kT0, .pid = 999, .process = 999, .user = {own.registers[SP_REGISTER_PC]}});
    settle();
    tick(kT0 + 200 * kMs);
    ASSERT_EQ(pipeline.profile().samples(), 1u);
  }

  TraceId last_trace() const { return static_cast<TraceId>(pipeline.profile().trace_count() - 1); }
  const Resource& last_resource() const {
    return pipeline.profile().resources()[pipeline.profile().counts().back().resource];
  }
  std::vector<Frame> last_frames() const {
    std::vector<Frame> frames;
    for (const FrameId id : pipeline.profile().trace_frames(last_trace()))
      frames.push_back(pipeline.profile().frames()[id]);
    return frames;
  }
  // Every frame that libgcc finds, each in a file.
  void expect_whole() {
    const auto frames = last_frames();
    ASSERT_EQ(frames.size(), own.oracle.size());
    for (const auto& frame : frames) EXPECT_EQ(frame.kind, Frame::Kind::native);
    const auto* executable = pipeline.executables().at(frames[0].place);
    ASSERT_NE(executable, nullptr);
    EXPECT_TRUE(executable->path.ends_with("first_samples_test")) << executable->path;
    EXPECT_EQ(metrics.samples_consumed, samples_accounted(metrics));
  }

  Snapshot own;
  Metrics metrics;
  OwnProcessInput input;
  Pipeline pipeline;
};

TEST_F(FirstSamplesTest, ACopiedStackIsWalkedOnceTheTablesAreThere) {
  feed_sample(copied(kT0, 10, 1));
  tick(kT0 + 200 * kMs);
  expect_whole();
  EXPECT_EQ(metrics.samples_rewalked, 1u);
  EXPECT_EQ(metrics.samples_rewalked_whole, 1u);
}

TEST_F(FirstSamplesTest, WhatTheKernelFoundStaysWhenTheCopyGivesNoMore) {
  auto sample = copied(kT0, 10, 1);
  sample.stack.resize(8);
  sample.end = SP_COUNT_table_pending;
  sample.user = {own.oracle[0], own.oracle[1], own.oracle[2], own.oracle[3]};
  feed_sample(sample);
  tick(kT0 + 200 * kMs);
  EXPECT_EQ(last_frames().size(), 5u);  // and why it is not whole
  EXPECT_EQ(last_frames().back().place, uint32_t{SP_COUNT_table_pending});
  EXPECT_EQ(metrics.samples_rewalked_no_better, 1u);
}

TEST_F(FirstSamplesTest, AProgramThatIsGoneIsKnownByTheSideBandAndByWhatItsExecTook) {
  sample_another_process();
  input.gone.insert(ProcessKey(2));
  feed_exec(11, kT1 + 300 * kMs);
  feed_taken(11, kT1 + 301 * kMs);
  feed_exit(11, kT1 + 308 * kMs);
  feed_sample(copied(kT1 + 305 * kMs, 11, 2));
  tick(kT1 + 500 * kMs);
  expect_whole();
  EXPECT_EQ(last_resource().process_name, "tested");  // the sample's own word, which is later than the exec's
  EXPECT_TRUE(last_resource().executable_path.ends_with("first_samples_test"));
  EXPECT_EQ(last_resource().cgroup, "0::/test\n");  // by the id that both samples carry
  EXPECT_EQ(input.maps_asked[ProcessKey(2)], 0u);
  EXPECT_EQ(metrics.files_taken, 1u);
  EXPECT_EQ(metrics.processes_not_asked, 1u);
}

TEST_F(FirstSamplesTest, AProgramWithoutAKeyIsFoundByItsPidAndItsTime) {
  sample_another_process();
  for (uint64_t n = 0; n < 3; ++n) {  // the same pid again and again
    const uint64_t t = kT1 + (300 + 20 * n) * kMs;
    feed_event(11, t, [](auto event) { event.initFork().setParentPid(999); });
    feed_exec(11, t + kMs);
    feed_taken(11, t + 2 * kMs);
    feed_sample(copied(t + 5 * kMs, 11, 0));
    feed_exit(11, t + 10 * kMs);
  }
  tick(kT1 + 600 * kMs);
  expect_whole();
  EXPECT_EQ(pipeline.profile().samples(), 4u);
  EXPECT_EQ(metrics.samples_rewalked_whole, 3u);
  EXPECT_EQ(metrics.files_taken, 1u);  // then its name stands for it, for a while
}

TEST_F(FirstSamplesTest, ASampleWaitsForWhatItsExecTookButNotForEver) {
  sample_another_process();
  feed_exec(11, kT1 + 300 * kMs);
  feed_exit(11, kT1 + 308 * kMs);
  feed_sample(copied(kT1 + 305 * kMs, 11, 0));
  tick(kT1 + 500 * kMs);
  EXPECT_EQ(pipeline.held_samples(), 1u);
  feed_taken(11, kT1 + 301 * kMs);
  tick(kT1 + 510 * kMs);
  EXPECT_EQ(pipeline.held_samples(), 0u);
  expect_whole();

  // Another one, which nobody took: it stands in the profile all the same.
  feed_exec(12, kT1 + 2900 * kMs);  // what is known of the name is too old to be trusted now
  feed_exit(12, kT1 + 2908 * kMs);
  feed_sample(copied(kT1 + 2905 * kMs, 12, 0));
  tick(kT1 + 3100 * kMs);
  EXPECT_EQ(pipeline.held_samples(), 1u);
  tick(kT1 + 4700 * kMs);
  EXPECT_EQ(pipeline.held_samples(), 0u);
  EXPECT_EQ(pipeline.profile().samples(), 3u);
  EXPECT_EQ(metrics.files_not_taken, 1u);
}

TEST_F(FirstSamplesTest, OnlyBusyProcessesAreAskedAboutBeforeTheirSamplesTurn) {
  for (uint64_t n = 0; n < 2; ++n) feed_sample(copied(kT0 + n, 10, 1));
  EXPECT_EQ(input.maps_asked[ProcessKey(1)], 0u);
  for (uint64_t n = 2; n < 9; ++n) feed_sample(copied(kT0 + n, 10, 1));
  EXPECT_EQ(input.maps_asked[ProcessKey(1)], 1u);
  settle();
  EXPECT_FALSE(input.lists[ProcessKey(1)].empty());
  tick(kT0 + 200 * kMs);
  EXPECT_EQ(input.maps_asked[ProcessKey(1)], 1u);
  EXPECT_EQ(metrics.samples_rewalked_whole, 9u);
}

TEST_F(FirstSamplesTest, EarlyQuestionsAreLimited) {
  for (uint32_t i = 0; i < 600; ++i)
    for (uint64_t n = 0; n < 3; ++n) feed_sample({.time_ns = kT0, .pid = 100 + i, .process = 100 + i});
  EXPECT_GE(metrics.early_questions_limited, 600u - 512u - 5u);
  EXPECT_LE(input.times_asked<AskMappings>(), 512u + 5u);
}

TEST_F(FirstSamplesTest, AProgramThatEndsWhileItIsAskedAboutIsKnownAllTheSame) {
  sample_another_process();
  input.gone.insert(ProcessKey(2));
  feed_exec(11, kT1 + 300 * kMs);
  feed_taken(11, kT1 + 301 * kMs);
  for (uint64_t n = 0; n < 5; ++n) feed_sample(copied(kT1 + 305 * kMs + n, 11, 2));
  settle();
  EXPECT_EQ(input.maps_asked[ProcessKey(2)], 1u);  // in vain
  tick(kT1 + 500 * kMs);
  expect_whole();
  EXPECT_EQ(metrics.samples_rewalked_whole, 5u);
}

TEST_F(FirstSamplesTest, TheKernelIsToldWhatTheSideBandToldIfAProgramLivesOn) {
  sample_another_process();
  feed_exec(11, kT1 + 500 * kMs);
  feed_taken(11, kT1 + 501 * kMs);
  feed_sample(copied(kT1 + 505 * kMs, 11, 2));
  tick(kT1 + 700 * kMs);
  tick(kT1 + 800 * kMs);
  EXPECT_EQ(input.maps_asked[ProcessKey(2)], 0u);
  const auto &told = input.lists[ProcessKey(2)], &listed = input.lists[ProcessKey(999)];
  ASSERT_EQ(told.size(), listed.size());
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].start, listed[i].start);
    EXPECT_EQ(told[i].bias, listed[i].bias);
    EXPECT_EQ(told[i].table, listed[i].table);
  }
}

TEST_F(FirstSamplesTest, TheKernelIsToldNothingOfAProgramThatHasEnded) {
  sample_another_process();
  feed_exec(11, kT1 + 500 * kMs);
  feed_taken(11, kT1 + 501 * kMs);
  feed_exit(11, kT1 + 508 * kMs);
  feed_sample(copied(kT1 + 505 * kMs, 11, 2));
  tick(kT1 + 700 * kMs);
  expect_whole();
  EXPECT_FALSE(input.lists.contains(ProcessKey(2)));
}

TEST_F(FirstSamplesTest, AfterALossTheMappingsAreAskedFor) {
  sample_another_process();
  feed_exec(11, kT1 + 500 * kMs);
  feed(build_record([](schema::Record::Builder record) {
         auto loss = record.initLoss();
         loss.setTimeNs(kT1 + 503 * kMs);
         loss.setCount(7);
         loss.setReason(schema::LossReason::SIDE_BAND);
       }),
       kFormatRecord);
  feed_sample(copied(kT1 + 505 * kMs, 11, 2));
  tick(kT1 + 700 * kMs);
  EXPECT_EQ(input.maps_asked[ProcessKey(2)], 1u);
  expect_whole();
}

TEST_F(FirstSamplesTest, WhatIsHeldIsBoundedInBytes) {
  Pipeline small(input, metrics, {.max_held_bytes = 100'000});
  auto words = build_sample(copied(kT0, 10, 1));
  for (int i = 0; i < 50; ++i) small.on_event(RecordEvent{kFormatSampleRecord, words});
  small.on_event(TickEvent{kT0 + 200 * kMs});  // the answers have not come
  EXPECT_LE(small.held_samples() * own.bytes.size(), 100'000u);
  EXPECT_GT(metrics.samples_held_too_long, 0u);
  EXPECT_EQ(metrics.samples_consumed, metrics.samples_aggregated + small.held_samples());
}

}  // namespace
}  // namespace splitprof
