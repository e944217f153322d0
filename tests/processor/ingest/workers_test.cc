// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/workers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

namespace splitprof {
namespace {

class FunctionJob final : public Job {
 public:
  explicit FunctionJob(std::function<void()> run) : run_(std::move(run)) {}
  void run() override { run_(); }
  void done() override {}

 private:
  std::function<void()> run_;
};
std::unique_ptr<Job> job(std::function<void()> run) {
  return std::make_unique<FunctionJob>(std::move(run));
}

TEST(Workers, RunEveryJobAndWakeForIt) {
  std::atomic<int> ran = 0, woken = 0;
  Workers workers({}, [&] { ++woken; });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(workers.submit(job([&] { ++ran; })));
  size_t finished = 0;
  for (int i = 0; i < 1000 && finished < 100; ++i) {
    finished += workers.take_finished().size();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(finished, 100u);
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(woken, 100);
  EXPECT_EQ(workers.unfinished(), 0u);
}

// One thread hangs in a read of a pipe that nobody writes to: it is left behind, another one takes its place.
TEST(Workers, ReplaceAThreadThatHangsAndThrowItsJobAway) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::promise<void> began;
  Workers workers({.threads = 1, .max_abandoned = 1, .hang_ns = 1}, [] {});
  ASSERT_TRUE(workers.submit(job([&began, fd = ends[0]] {
    char byte = 0;
    began.set_value();
    EXPECT_EQ(read(fd, &byte, 1), 1);
  })));
  began.get_future().wait();
  constexpr uint64_t kLater = ~0ull;
  EXPECT_EQ(workers.abandon_hung(kLater), 1u);
  std::promise<void> second;
  ASSERT_TRUE(workers.submit(job([&second] { second.set_value(); })));
  second.get_future().wait();
  ASSERT_EQ(write(ends[1], "x", 1), 1);  // now the first one ends
  for (int i = 0; i < 400 && workers.unfinished() != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(workers.take_finished().size(), 1u);
  close(ends[1]);
}

TEST(Workers, LeaveABoundedNumberBehind) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    std::promise<void> began;
    Workers workers({.threads = 1, .max_abandoned = 0, .hang_ns = 1}, [] {});
    ASSERT_TRUE(workers.submit(job([&began, fd = ends[0]] {
      char byte = 0;
      began.set_value();
      EXPECT_EQ(read(fd, &byte, 1), 1);
    })));
    began.get_future().wait();
    EXPECT_EQ(workers.abandon_hung(~0ull), 0u);
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    for (int i = 0; i < 400 && workers.unfinished() != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(workers.take_finished().size(), 1u);
  }
  close(ends[0]);
  close(ends[1]);
}

TEST(Workers, MayLeaveAnotherBehindWhenOneHasCome) {
  Workers workers({.threads = 1, .max_abandoned = 1, .hang_ns = 1}, [] {});
  for (int i = 0; i < 3; ++i) {
    std::promise<void> began, release;
    ASSERT_TRUE(workers.submit(job([&began, released = release.get_future().share()] {
      began.set_value();
      released.wait();
    })));
    began.get_future().wait();
    unsigned left_behind = 0;
    for (int tries = 0; tries < 400 && left_behind == 0; ++tries) {
      left_behind = workers.abandon_hung(~0ull);
      if (left_behind == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the last one is ending
    }
    EXPECT_EQ(left_behind, 1u) << i;
    release.set_value();
  }
}

TEST(Workers, RefuseJobsPastTheirQueue) {
  std::promise<void> release;
  auto released = release.get_future().share();
  Workers workers({.threads = 1, .max_queued = 2}, [] {});
  size_t taken = 0;
  for (int i = 0; i < 10; ++i) taken += workers.submit(job([released] { released.wait(); }));
  EXPECT_GE(taken, 2u);
  EXPECT_LE(taken, 3u);  // one may run already
  release.set_value();
  for (int i = 0; i < 400 && workers.unfinished() != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace
}  // namespace splitprof
