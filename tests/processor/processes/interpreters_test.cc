// SPDX-License-Identifier: Apache-2.0
//
// What a process's worker is asked for, and when: each function once, whatever comes meanwhile. The interpreter is made
// up: it calls the function at address 1000 "f1000".
#include "processor/processes/interpreters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>

#include "bpf/python.h"
#include "processor/elf/local_file.h"

namespace splitprof {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

class MadeUp final : public RuntimeInstance {
 public:
  const RuntimeValue& value() const override { return value_; }
  Result<Function> read_function(ProcessMemory&, const FunctionPlace& place) const override {
    Function function;
    function.name = fmt::format("f{}", place.object);
    return function;
  }

 private:
  const RuntimeValue value_{.kind = SP_RUNTIME_python};
};

// Keeps jobs until they may run.
class Jobs final : public Input {
 public:
  Event next() override { return StopEvent{}; }
  void ask(Ticket, Question) override { ADD_FAILURE() << "nothing is to be asked"; }
  void start(std::unique_ptr<Job> job) override { waiting.push_back(std::move(job)); }
  void run_one() {
    const auto job = std::move(waiting.front());
    waiting.pop_front();
    job->run();
    job->done();
  }
  std::deque<std::unique_ptr<Job>> waiting;
};

class InterpretersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto known = std::make_unique<ProcessInterpreters>();
    known->state = ProcessInterpreters::State::known;
    known->instances.push_back(std::make_shared<MadeUp>());
    known->memory = std::make_unique<MemoryFile>(std::vector<std::byte>());
    process->interpreters = std::move(known);
  }

  // Of frames in these functions.
  static SampleRecord sample_of(uint64_t first, uint64_t n) {
    SampleRecord sample;
    for (uint64_t code = first; code < first + n; ++code) {
      sample.user_frames.push_back({.kind = SP_FRAME_PYTHON,
                                    .n_words = 1,
                                    .extra = 1,
                                    .first_word = static_cast<uint32_t>(sample.user_words.size())});
      sample.user_words.push_back(SP_PYTHON_WORD(code, uint64_t{0}));
    }
    sample.interpreted_frames = static_cast<uint32_t>(n);
    return sample;
  }
  bool name(SampleRecord& sample, bool last = false) { return interpreters.name_frames(process, sample, last, now_ns); }
  uint32_t function_of(const SampleRecord& sample, size_t i) const {
    return static_cast<uint32_t>(sample.user_words[sample.user_frames[i].first_word] >> 32);
  }

  uint64_t now_ns = kSecondNs;
  Jobs jobs;
  Questions questions{jobs};
  Functions functions;
  Metrics metrics;
  unsigned changes = 0;
  Interpreters interpreters{questions, functions, metrics, [this] { ++changes; }};
  std::shared_ptr<Process> process = std::make_shared<Process>();
};

TEST_F(InterpretersTest, AsksForEachFunctionOnceAlsoWhileItIsBeingRead) {
  auto first = sample_of(1000, 600), second = first, overlapping = sample_of(1500, 300);
  EXPECT_FALSE(name(first));
  ASSERT_EQ(jobs.waiting.size(), 1u);  // one at a time: there is one memory
  EXPECT_FALSE(name(second));
  EXPECT_FALSE(name(first));
  EXPECT_FALSE(name(overlapping));
  while (!jobs.waiting.empty()) {
    jobs.run_one();
    name(second);
  }
  EXPECT_EQ(metrics.functions_asked, 800u);
  EXPECT_EQ(metrics.functions_named, 800u);
  EXPECT_TRUE(name(first));
  EXPECT_TRUE(name(second));
  EXPECT_TRUE(name(overlapping));
  EXPECT_EQ(functions.find(function_of(first, 599))->name, "f1599");
  EXPECT_EQ(functions.find(function_of(overlapping, 299))->name, "f1799");
  EXPECT_EQ(process->interpreters->asked.size(), 0u);
}

TEST_F(InterpretersTest, WhatDoesNotFitIsAskedForWhenThereIsRoom) {
  auto deepest = sample_of(1000, 4096), another = sample_of(10'000, 100);
  EXPECT_FALSE(name(deepest));
  EXPECT_FALSE(name(another));  // nobody has asked for its functions
  while (!jobs.waiting.empty()) {
    jobs.run_one();
    name(deepest);
    name(another);
  }
  EXPECT_TRUE(name(deepest));
  EXPECT_TRUE(name(another));
  EXPECT_EQ(functions.find(function_of(another, 99))->name, "f10099");
  EXPECT_EQ(metrics.functions_asked, 4196u);
}

TEST_F(InterpretersTest, ASampleThatCameBeforeTheMemoryIsNamedWhenItIsThere) {
  auto memory = std::move(process->interpreters->memory);
  process->interpreters->state = ProcessInterpreters::State::locating;
  auto sample = sample_of(1000, 3);
  EXPECT_FALSE(name(sample));
  EXPECT_EQ(jobs.waiting.size(), 0u);
  process->interpreters->memory = std::move(memory);
  process->interpreters->state = ProcessInterpreters::State::known;
  EXPECT_FALSE(name(sample));
  ASSERT_EQ(jobs.waiting.size(), 1u);
  jobs.run_one();
  EXPECT_TRUE(name(sample));
}

TEST_F(InterpretersTest, TellsWhatIsLateFromWhatIsGone) {
  auto sample = sample_of(1000, 2), later = sample;
  EXPECT_FALSE(name(sample));
  EXPECT_TRUE(name(sample, true));
  EXPECT_EQ(function_of(sample, 0), id_of(FunctionError::late));
  EXPECT_EQ(metrics.functions_late, 2u);
  EXPECT_EQ(metrics.functions_gone, 0u);

  now_ns += 3 * kSecondNs;  // the worker hangs in the memory of the process
  EXPECT_TRUE(name(later));
  EXPECT_EQ(function_of(later, 0), id_of(FunctionError::gone));
  EXPECT_EQ(metrics.functions_gone, 2u);
}

TEST_F(InterpretersTest, WhichKnowsMostForgetsWhenAllTogetherKnowTooMuch) {
  Interpreters few{questions, functions, metrics, [] {}, 900};
  std::vector<std::shared_ptr<Process>> all;
  const auto meet = [&](const std::shared_ptr<Process>& one, uint64_t first, uint64_t n) {
    auto sample = sample_of(first, n);
    while (!few.name_frames(one, sample, false, now_ns)) jobs.run_one();
    return function_of(sample, 0);
  };
  for (uint64_t number = 1; number <= 4; ++number) {
    SetUp();
    all.push_back(std::exchange(process, std::make_shared<Process>()));
    all.back()->number = number;
    meet(all.back(), 1000, number * 100);
  }
  EXPECT_EQ(metrics.functions_forgotten, 1u);
  size_t known = 0;
  for (const auto& one : all) known += one->interpreters->functions.size();
  EXPECT_LE(known, 900u);
  EXPECT_EQ(all[0]->interpreters->functions.size(), 100u) << "it knew least";
  // A child has what its parent has, within the same bound.
  std::vector<std::shared_ptr<Process>> children;
  for (uint64_t number = 5; number < 50; ++number) {
    children.push_back(std::make_shared<Process>());
    children.back()->number = number;
    few.inherit(*all[0], children.back());
  }
  known = 0;
  for (const auto& list : {all, children})
    for (const auto& one : list) known += one->interpreters->functions.size();
  EXPECT_LE(known, 900u);
  EXPECT_EQ(functions.find(meet(all[3], 1000, 1))->name, "f1000") << "read again";
}

}  // namespace
}  // namespace splitprof
