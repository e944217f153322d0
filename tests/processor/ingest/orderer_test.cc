// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/orderer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace splitprof {
namespace {

void push(Orderer& orderer, uint64_t time_ns, uint32_t tid = 0) {
  auto& record = orderer.slot();
  record = ProcessRecord{.time_ns = time_ns, .pid = Pid(1), .tid = Tid(tid), .process = {}, .event = {}};
  orderer.push(time_ns, 64);
}
uint64_t time_of(const Record* record) {
  return std::get<ProcessRecord>(*record).time_ns;
}

TEST(Orderer, GivesOutByTimeWhateverTheOrderOfArrival) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Metrics metrics;
    Orderer orderer(metrics, {.slack_ns = 1000, .max_records = 1u << 20, .max_bytes = 1u << 30});
    std::vector<uint64_t> given, all;
    for (uint64_t now = 1000; now < 100'000; now += 1 + random() % 50) {
      const uint64_t time = now - random() % 1000;  // never later than the slack
      push(orderer, time);
      all.push_back(time);
      orderer.advance(now);
      while (auto* record = orderer.pop()) given.push_back(time_of(record));
    }
    while (auto* record = orderer.pop_any()) given.push_back(time_of(record));
    std::sort(all.begin(), all.end());
    EXPECT_EQ(given, all);
    EXPECT_EQ(metrics.records_late, 0u);
    EXPECT_EQ(orderer.waiting(), 0u);
  }
}

TEST(Orderer, WaitsForTheSlackAndKeepsEqualTimesInOrderOfArrival) {
  Metrics metrics;
  Orderer orderer(metrics, {.slack_ns = 100, .max_records = 10, .max_bytes = 1u << 20});
  push(orderer, 50, 1);
  push(orderer, 50, 2);
  orderer.advance(149);
  EXPECT_EQ(orderer.pop(), nullptr);
  orderer.advance(150);
  EXPECT_EQ(std::get<ProcessRecord>(*orderer.pop()).tid.value, 1u);
  EXPECT_EQ(std::get<ProcessRecord>(*orderer.pop()).tid.value, 2u);
  EXPECT_EQ(orderer.pop(), nullptr);
}

TEST(Orderer, CountsWhatComesTooLateAndGivesItOutAllTheSame) {
  Metrics metrics;
  Orderer orderer(metrics, {.slack_ns = 10, .max_records = 10, .max_bytes = 1u << 20});
  push(orderer, 1000);
  orderer.advance(2000);
  ASSERT_NE(orderer.pop(), nullptr);
  push(orderer, 999);
  EXPECT_EQ(metrics.records_late, 1u);
  EXPECT_EQ(time_of(orderer.pop()), 999u);
}

TEST(Orderer, IsBoundedInRecordsAndInBytes) {
  Metrics metrics;
  Orderer by_count(metrics, {.slack_ns = 1'000'000, .max_records = 4, .max_bytes = 1u << 20});
  for (uint64_t time = 10; time > 0; --time) {
    push(by_count, time);
    while (by_count.pop() != nullptr) {
    }
    EXPECT_LE(by_count.waiting(), 4u);
  }
  EXPECT_EQ(metrics.records_early, 6u);
  Orderer by_bytes(metrics, {.slack_ns = 1'000'000, .max_records = 100, .max_bytes = 200});
  for (int i = 0; i < 10; ++i) push(by_bytes, 5);
  while (by_bytes.pop() != nullptr) {
  }
  EXPECT_EQ(by_bytes.waiting(), 3u);  // of 64 bytes each
}

}  // namespace
}  // namespace splitprof
