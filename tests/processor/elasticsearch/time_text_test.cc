// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/time_text.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <string>

namespace splitprof::elasticsearch {
namespace {

std::string text(uint64_t unix_time) {
  TimeText times;
  return std::string(times.format(unix_time));
}

TEST(TimeText, DecimalsThatAreZeroAreLeftOut) {
  EXPECT_EQ(text(1'788'000'000'123'456'700), "2026-08-29T10:40:00.1234567Z");
  EXPECT_EQ(text(1'788'000'000'500'000'000), "2026-08-29T10:40:00.5Z");
  EXPECT_EQ(text(1'788'000'000'000'000'000), "2026-08-29T10:40:00Z");
  EXPECT_EQ(text(1'788'000'000'000'000'001), "2026-08-29T10:40:00.000000001Z");
}

TEST(TimeText, SmallNumbersAreSeconds) {
  EXPECT_EQ(text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(text(1'788'000'000), "2026-08-29T10:40:00Z");
  EXPECT_EQ(text(4'294'967'295), "2106-02-07T06:28:15Z");
  EXPECT_EQ(text(4'294'967'296), "1970-01-01T00:00:04.294967296Z");
}

TEST(TimeText, AgreesWithTheCLibrary) {
  std::mt19937_64 random(3);
  TimeText times;
  for (int i = 0; i < 20000; ++i) {
    const uint64_t ns = i == 0 ? UINT64_MAX : random() | 1ull << 33;
    const auto second = static_cast<time_t>(ns / 1'000'000'000);
    tm parts;
    ASSERT_NE(gmtime_r(&second, &parts), nullptr);
    char expected[32];
    strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &parts);
    ASSERT_EQ(times.format(ns).substr(0, 19), expected) << ns;
  }
}

TEST(TimeText, WeeksBeginOnMonday) {
  EXPECT_EQ(week_of(1'788'000'000), 1'787'529'600u);
  EXPECT_EQ(week_of(1'787'529'600), 1'787'529'600u);
  EXPECT_EQ(week_of(1'787'529'599), 1'787'529'600u - 7 * 86400);
}

}  // namespace
}  // namespace splitprof::elasticsearch
