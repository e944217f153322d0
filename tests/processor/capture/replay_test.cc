// SPDX-License-Identifier: Apache-2.0
//
// The property that everything else serves: a session and its replay end in the same profile. Sessions here are made
// up, but their files are real, jobs run on threads, and answers come in any order, late, or never.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "processor/capture/capture_reader.h"
#include "processor/capture/capture_writer.h"
#include "processor/export/folded.h"
#include "processor/export/names.h"
#include "processor/run.h"
#include "tests/processor/build_record.h"
#include "tests/processor/capture/capture_in_memory.h"
#include "tests/processor/own_process_input.h"

namespace splitprof {
namespace {

// A live Input whose events come in an order that only the seed knows; some never come.
class Unruly final : public Input {
 public:
  explicit Unruly(uint32_t seed) : random_(seed) {}
  ~Unruly() override {
    for (auto& job : jobs_) job.thread.join();
  }

  Event next() override {
    if (records_left_ > 0 && random_() % 3 == 0) return record();
    if (!jobs_.empty() && random_() % 3 == 0) {
      auto taken = take(jobs_);
      taken.thread.join();
      if (random_() % 15 != 0) return JobEvent{std::move(taken.job)};  // else it hung, and was left behind
    }
    if (!own_.events.empty() && random_() % 2 == 0) {
      auto event = take(own_.events);
      if (!std::holds_alternative<AnswerEvent>(event) || random_() % 20 != 0) return event;
    }
    if (records_left_ == 0 && !std::exchange(stopped_, true)) return StopEvent{};
    now_ns_ += 1 + random_() % 100'000'000;
    return TickEvent{now_ns_};
  }
  void ask(Ticket ticket, Question question) override {
    own_.process_gone = random_() % 12 == 0 && !std::holds_alternative<Configure>(question);
    own_.ask(ticket, std::move(question));
  }
  void start(std::unique_ptr<Job> job) override {
    auto& started = jobs_.emplace_back();
    started.job = std::move(job);
    started.thread = std::thread([running = started.job.get()] { running->run(); });
  }

 private:
  struct Running {
    std::unique_ptr<Job> job;
    std::thread thread;
  };

  template <typename List>
  typename List::value_type take(List& list) {
    const auto chosen = list.begin() + static_cast<ptrdiff_t>(random_() % list.size());
    auto taken = std::move(*chosen);
    list.erase(chosen);
    return taken;
  }

  Event record() {
    --records_left_;
    const uint32_t pid = 10 + random_() % 4;
    const uint64_t time_ns = now_ns_ + random_() % 1'000'000;
    const auto code = [this] { return reinterpret_cast<uint64_t>(&pread) + random_() % 3 * 4096 + random_() % 64; };
    switch (random_() % 8) {
      case 0:
        words_ = build_record([&](schema::Record::Builder made) {
          auto event = made.initProcess();
          event.setTimeNs(time_ns);
          event.setPid(pid);
          event.setTid(pid);
          if (random_() % 2 == 0)
            event.initExec().setComm(as_data("other"));
          else
            event.initFork().setParentPid(10 + random_() % 4);
        });
        return RecordEvent{kFormatRecord, words_};
      case 1:
        words_ = {random_(), random_()};  // nobody can read it
        return RecordEvent{kFormatSampleRecord, words_};
      default:
        words_ = build_sample({.time_ns = time_ns,
                               .pid = pid,
                               .process = pid + random_() % 2 * 100,
                               .kernel = {0xffffffff81001004},
                               .user = {code(), code(), code() + random_() % 2 * (1ull << 40)}});
        return RecordEvent{kFormatSampleRecord, words_};
    }
  }

  std::mt19937 random_;
  OwnProcessInput own_;
  std::vector<Running> jobs_;
  std::vector<uint64_t> words_;
  uint64_t now_ns_ = 1'000'000'000;
  int records_left_ = 300;
  bool stopped_ = false;
};

struct Outcome {
  std::string folded;
  std::vector<uint64_t> metrics;  // but those of captures and replays
  uint64_t samples = 0;
};

Outcome run_session(Input& input, Metrics& metrics) {
  Outcome outcome;
  splitprof::Run run(input, metrics, {.hz = 97});
  run.on_report = [&](const Profile& profile, const Symbolizer& symbolizer) {
    const auto fd = memory_file();
    EXPECT_TRUE(write_folded(profile, Names(profile, symbolizer), fd));
    const auto bytes = bytes_of(fd);
    outcome.folded.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    outcome.samples = profile.samples();
  };
  const auto ran = run.run();
  EXPECT_TRUE(ran) << ran.error().message;
  for (const auto& metric : list(metrics))
    if (!metric.name.starts_with("capture_") && !metric.name.starts_with("replay_"))
      outcome.metrics.push_back(metric.value);
  return outcome;
}

TEST(Replay, EndsInTheSameProfileAsTheSession) {
  uint64_t samples = 0, stacks = 0;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const auto fd = memory_file();
    Outcome live;
    {
      Unruly input(seed);
      Metrics metrics;
      CaptureWriter writer(input, metrics, fd, {.version = "test", .hz = 97}, {});
      live = run_session(writer, metrics);
      ASSERT_TRUE(writer.finish());
    }
    auto capture = open_capture(bytes_of(fd));
    ASSERT_TRUE(capture) << capture.error().message;
    ASSERT_FALSE(capture->index.damage) << capture->index.damage->message;
    Metrics metrics;
    CaptureReader reader(*capture->file, capture->index, metrics);
    const auto replayed = run_session(reader, metrics);
    EXPECT_EQ(replayed.folded, live.folded);
    EXPECT_EQ(replayed.metrics, live.metrics);
    EXPECT_TRUE(reader.exact());
    samples += live.samples;
    stacks += static_cast<uint64_t>(std::count(live.folded.begin(), live.folded.end(), '\n'));
  }
  EXPECT_GT(samples, 1000u);  // or nothing was compared
  EXPECT_GT(stacks, 200u);
}

TEST(Replay, NothingOfTheHostsNamesIsStored) {
  const auto fd = memory_file();
  OwnProcessInput input;
  input.events.push_back(StopEvent{});
  Metrics metrics;
  CaptureWriter writer(input, metrics, fd, {.version = "test", .hz = 97}, {});
  run_session(writer, metrics);
  ASSERT_TRUE(writer.finish());
  auto capture = open_capture(bytes_of(fd));
  ASSERT_TRUE(capture);
  unsigned hosts = 0;
  for (const auto& entry : entries_of(*capture))
    if (const auto* answer = std::get_if<AnswerEntry>(&entry))
      if (const auto* host = std::get_if<Host>(&answer->value)) {
        ++hosts;
        EXPECT_EQ(host->host_name + host->machine_id + host->boot_id, "");
        EXPECT_EQ(host->online_cpus, 2u);
      }
  EXPECT_EQ(hosts, 1u);
}

}  // namespace
}  // namespace splitprof
