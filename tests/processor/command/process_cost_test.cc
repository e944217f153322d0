// SPDX-License-Identifier: Apache-2.0
#include "processor/command/process_cost.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "processor/command/child.h"

namespace splitprof {
namespace {

TEST(CostWatch, CountsAProcessAndWhoDescendsFromIt) {
  // A shell that burns CPU in a child of its own.
  auto child = Child::start({.program = "/bin/sh", .arguments = {"-c", "(while :; do :; done) & wait"}, .user = {}});
  CostWatch watch;
  watch.add(child->pid(), "root");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (watch.cpu_seconds() < 0.05 && std::chrono::steady_clock::now() < end) {
    usleep(20000);
    watch.look();
  }
  ASSERT_EQ(watch.costs().size(), 2u);
  EXPECT_EQ(watch.costs()[0].name, "root");
  EXPECT_EQ(watch.costs()[1].name, "sh");
  EXPECT_GE(watch.cpu_seconds(), 0.05);
  EXPECT_GT(watch.costs()[1].peak_rss_bytes, watch.costs()[1].peak_pss_bytes / 2);
  EXPECT_GT(watch.costs()[1].peak_pss_bytes, 0u);
  kill(static_cast<pid_t>(watch.costs()[1].pid), SIGKILL);
  EXPECT_TRUE(child->wait_ms(5000));
}

TEST(CostWatch, TakesTheExactTimeOfAProcessThatHasEnded) {
  auto child = Child::start(
      {.program = "/bin/sh", .arguments = {"-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"}, .user = {}});
  CostWatch watch;
  watch.add(child->pid(), "root");
  watch.look();
  ASSERT_TRUE(child->wait_ms(20000));
  watch.finish(child->pid(), child->usage());
  ASSERT_EQ(watch.costs().size(), 1u);
  const auto& usage = child->usage();
  const double seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  EXPECT_NEAR(watch.cpu_seconds(), seconds, 0.02);
}

}  // namespace
}  // namespace splitprof
