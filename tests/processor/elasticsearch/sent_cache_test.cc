// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/sent_cache.h"

#include <gtest/gtest.h>

#include <string>

#include "processor/elasticsearch/written_once.h"

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kLife = 100 * kSecond;

TEST(SentCache, IsNewOnceInALife) {
  SentCache set(256, kLife, 1);
  EXPECT_TRUE(set.insert("a", 7 * kSecond));
  EXPECT_FALSE(set.insert("a", 7 * kSecond));
  EXPECT_TRUE(set.insert("b", 7 * kSecond));
  EXPECT_FALSE(set.insert("a", 106 * kSecond));
  EXPECT_TRUE(set.insert("a", 107 * kSecond));
}

TEST(SentCache, BeingFoundDoesNotExtendALife) {
  SentCache set(256, kLife, 1);
  EXPECT_TRUE(set.insert("a", 0));
  for (uint64_t t = 1; t < 100; ++t) EXPECT_FALSE(set.insert("a", t * kSecond));
  EXPECT_TRUE(set.insert("a", kLife));
}

TEST(SentCache, WhatIsErasedIsNewAgain) {
  SentCache set(256, kLife, 1);
  EXPECT_TRUE(set.insert("a", 0));
  EXPECT_TRUE(set.insert("b", 0));
  set.erase("a");
  set.erase("never there");
  EXPECT_TRUE(set.insert("a", 0));
  EXPECT_FALSE(set.insert("b", 0));
  set.clear();
  EXPECT_TRUE(set.insert("b", 0));
}

TEST(SentCache, GrowsWithoutForgetting) {
  SentCache set(131072, kLife, 1);
  for (int i = 0; i < 30000; ++i) ASSERT_TRUE(set.insert(std::to_string(i), 0)) << i;
  for (int i = 0; i < 30000; ++i) ASSERT_FALSE(set.insert(std::to_string(i), 0)) << i;
}

TEST(SentCache, HoldsNearlyAsManyAsItMayAndNoMore) {
  SentCache set(131072, kLife, 1);
  for (int i = 0; i < 131072; ++i) set.insert(std::to_string(i), 0);
  EXPECT_EQ(set.memory_bytes(), 131072u * 12);
  int known = 0;
  for (int i = 131071; i >= 0; --i) {
    known += !set.insert(std::to_string(i), 0);
  }
  EXPECT_GT(known, 131072 * 0.85);
  for (int i = 0; i < 500000; ++i) set.insert(std::to_string(i), 0);
  EXPECT_EQ(set.memory_bytes(), 131072u * 12);
}

TEST(SentCache, KeepsWhatIsUsed) {
  SentCache set(256, kLife, 1);
  set.insert("hot", 0);
  for (int i = 0; i < 5000; ++i) {
    set.insert(std::to_string(i), 0);
    ASSERT_FALSE(set.insert("hot", 0)) << i;
  }
}

TEST(SentCache, TheOverOnesGoFirst) {
  SentCache set(256, kLife, 1);
  for (int i = 0; i < 5000; ++i) set.insert(std::to_string(i), 0);
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(set.insert("new " + std::to_string(i), kLife)) << i;
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(set.insert("new " + std::to_string(i), kLife)) << i;
}

TEST(WrittenOnce, ForgetsByActionLine) {
  WrittenOnce written(1);
  const std::string trace(22, 'T'), frame(32, 'F');
  const auto insert_all = [&] {
    return std::vector<bool>{written.stacktraces.insert(trace, 0),         written.stackframes.insert(frame, 0),
                             written.executables.insert(trace, 0),         written.leaf_frame_requests.insert(frame, 0),
                             written.executable_requests.insert(trace, 0), written.hosts.insert("h", 0)};
  };
  insert_all();
  EXPECT_EQ(insert_all(), std::vector<bool>(6, false));
  const std::pair<std::string, size_t> lines[] = {
      {R"({"create":{"_id":")" + trace + R"(","_index":"profiling-stacktraces"}})", 0},
      {R"({"create":{"_id":")" + trace + R"(","_index":"profiling-stacktraces.otel-default"}})", 0},
      {R"({"create":{"_id":")" + frame + R"(","_index":"profiling-stackframes"}})", 1},
      {R"({"update":{"_id":")" + trace + R"(","_index":"profiling-executables"}})", 2},
      {R"({"create":{"_id":")" + frame + R"(","_index":"profiling-sq-leafframes"}})", 3},
      {R"({"create":{"_id":")" + trace + R"(","_index":"profiling-sq-executables"}})", 4},
      {R"({"create":{"_index":"profiling-hosts"}})", 5},
  };
  for (const auto& [line, number] : lines) {
    written.forget(line);
    std::vector<bool> expected(6, false);
    expected[number] = true;
    EXPECT_EQ(insert_all(), expected) << line;
  }
  for (const char* line :
       {"", "{", R"({"create":{"_index":"profiling-events-all"}})", R"({"create":{"_id":")", "\"_index\":\""}) {
    written.forget(line);
    EXPECT_EQ(insert_all(), std::vector<bool>(6, false)) << line;
  }
}

}  // namespace
}  // namespace splitprof::elasticsearch
