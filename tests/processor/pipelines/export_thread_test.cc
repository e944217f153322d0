// SPDX-License-Identifier: Apache-2.0
#include "processor/pipelines/export_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>

namespace splitprof {
namespace {

using namespace std::chrono_literals;

// What the components of a test did, in order.
class Story {
 public:
  void tell(std::string what) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(what));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// Needs so many ticks after stop() until it has finished.
class Worker final : public Component, public ProfilesConsumer {
 public:
  Worker(Story& story, std::string name, int ticks_to_finish)
      : story_(story), name_(std::move(name)), left_(ticks_to_finish) {}
  void consume(const otel::Profiles& batch) override {
    while (blocked) std::this_thread::sleep_for(1ms);
    story_.tell(name_ + " consumes " + std::to_string(batch.resources.size()));
  }
  void tick(const Times&) override {
    ++ticks;
    if (stopped_ && left_ > 0 && --left_ == 0) story_.tell(name_ + " finishes");
  }
  void stop(const Times&, uint64_t) override {
    stopped_ = true;
    story_.tell(name_ + " stops");
  }
  bool finished() const override { return stopped_ && left_ == 0; }
  std::vector<NamedMetric> metrics() const override { return {}; }

  std::atomic<bool> blocked = false;
  std::atomic<int> ticks = 0;

 private:
  Story& story_;
  const std::string name_;
  int left_;
  bool stopped_ = false;
};

std::shared_ptr<const otel::Profiles> batch_of(size_t resources) {
  auto batch = std::make_shared<otel::Profiles>();
  batch->resources.resize(resources);
  return batch;
}

TEST(ExportThread, HandsBatchesOnInTheirOrderAndAllOfThemBeforeItStops) {
  Story story;
  Worker worker(story, "exporter", 0);
  http::Client client;
  ExportThread thread(client, {{&worker}}, [] {});
  const auto intake = thread.make_intake(worker);
  thread.start();
  for (size_t i = 1; i <= 5; ++i) EXPECT_TRUE(intake->submit(batch_of(i)));
  thread.stop();
  EXPECT_EQ(story.lines(),
            (std::vector<std::string>{"exporter consumes 1", "exporter consumes 2", "exporter consumes 3",
                                      "exporter consumes 4", "exporter consumes 5", "exporter stops"}));
}

TEST(ExportThread, StopsWhatHandsOnBeforeWhatTakes) {
  Story story;
  Worker connector(story, "connector", 2), eu(story, "eu", 3), us(story, "us", 1);
  http::Client client;
  ExportThread thread(client, {{}, {&connector}, {&eu, &us}}, [] {});
  thread.start();
  thread.stop();
  EXPECT_EQ(story.lines(), (std::vector<std::string>{"connector stops", "connector finishes", "eu stops", "us stops",
                                                     "us finishes", "eu finishes"}));
}

TEST(ExportThread, TakesNoMoreThanItsBoundWhileAConsumerIsSlow) {
  Story story;
  Worker worker(story, "exporter", 0);
  worker.blocked = true;
  http::Client client;
  ExportThread thread(client, {{&worker}}, [] {});
  const auto intake = thread.make_intake(worker);
  thread.start();
  size_t taken = 0;
  while (intake->submit(batch_of(1)) && taken < 1000) ++taken;
  // One more when the thread has taken the first out already.
  EXPECT_GE(taken, ExportThread::kMaxWaiting);
  EXPECT_LE(taken, ExportThread::kMaxWaiting + 1);
  worker.blocked = false;
  thread.stop();
  EXPECT_FALSE(intake->submit(batch_of(1))) << "nothing is taken after the end";
}

TEST(ExportThread, GivesTicksWithoutBatches) {
  Story story;
  Worker worker(story, "exporter", 0);
  http::Client client;
  std::atomic<int> seconds = 0;
  ExportThread thread(client, {{&worker}}, [&] { ++seconds; });
  thread.start();
  const auto until = std::chrono::steady_clock::now() + 20s;
  while ((worker.ticks < 5 || seconds < 2) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(5ms);
  EXPECT_GE(worker.ticks, 5);
  EXPECT_GE(seconds, 2);
  thread.stop();
}

}  // namespace
}  // namespace splitprof
