// SPDX-License-Identifier: Apache-2.0
#include "sampler/targets.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace splitprof {
namespace {

class Child {
 public:
  Child() : pid(fork()) {
    if (pid == 0)
      for (;;) pause();
  }
  ~Child() { end(); }
  void end() {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = 0;
  }
  pid_t pid;
};

TEST(Targets, AProcessKeepsItsKeyAndNoOtherKeyFindsAnything) {
  SamplerCounters counters;
  Targets targets(8, counters);
  const uint64_t key = targets.key_for(getpid(), 17, false);
  EXPECT_EQ(targets.key_for(getpid(), 17, false), key);
  EXPECT_NE(targets.key_for(getpid(), 18, false), key);  // the same number, another process
  const auto target = targets.find(key);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(target->start_time_ns, 17u);
  for (const uint64_t other : {uint64_t{0}, uint64_t(getpid()), key - 1, key + 2}) EXPECT_FALSE(targets.find(other));
}

TEST(Targets, AKeyDiesAtExec) {
  SamplerCounters counters;
  Targets targets(8, counters);
  const uint64_t before = targets.key_for(getpid(), 1, false);
  const uint64_t after = targets.exec(getpid(), 1, true);
  EXPECT_FALSE(targets.find(before));
  ASSERT_TRUE(targets.find(after));
  EXPECT_TRUE(targets.find(after)->denied);
  EXPECT_EQ(targets.key_for(getpid(), 1, false), after);
  EXPECT_TRUE(targets.find(after)->denied) << "a denial stays";
}

TEST(Targets, AKeyDiesAtExit) {
  SamplerCounters counters;
  Targets targets(8, counters);
  Child child;
  const uint64_t key = targets.key_for(child.pid, 1, false);
  EXPECT_TRUE(targets.find(key));
  child.end();
  EXPECT_FALSE(targets.find(key));
  EXPECT_EQ(targets.size(), 0u);
  EXPECT_EQ(counters[SamplerCounter::targets_ended], 1u);
}

TEST(Targets, WhatHasEndedAlreadyGetsNoKey) {
  SamplerCounters counters;
  Targets targets(8, counters);
  Child child;
  const uint32_t pid = child.pid;
  child.end();
  EXPECT_EQ(targets.key_for(pid, 1, false), 0u);
  EXPECT_EQ(targets.exec(pid, 1, false), 0u);
  EXPECT_FALSE(targets.find(0));
  EXPECT_EQ(targets.size(), 0u);
  EXPECT_EQ(counters[SamplerCounter::targets_gone], 2u);
}

TEST(Targets, TheLeastRecentlyUsedMakesRoom) {
  SamplerCounters counters;
  Targets targets(3, counters);
  const uint64_t one = targets.key_for(getpid(), 1, false);
  const uint64_t two = targets.key_for(getpid(), 2, false);
  targets.key_for(getpid(), 3, false);
  targets.key_for(getpid(), 1, false);
  targets.key_for(getpid(), 4, false);
  EXPECT_EQ(targets.size(), 3u);
  EXPECT_TRUE(targets.find(one));
  EXPECT_FALSE(targets.find(two));
  EXPECT_NE(targets.key_for(getpid(), 2, false), two) << "a key is never used twice";
  EXPECT_EQ(counters[SamplerCounter::targets_evicted], 2u);
}

TEST(Targets, SessionsDoNotShareKeys) {
  SamplerCounters counters;
  Targets first(8, counters), second(8, counters);
  EXPECT_FALSE(second.find(first.key_for(getpid(), 1, false)));
}

}  // namespace
}  // namespace splitprof
