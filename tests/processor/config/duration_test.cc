// SPDX-License-Identifier: Apache-2.0
#include "processor/config/duration.h"

#include <gtest/gtest.h>

#include <limits>

namespace splitprof::config {
namespace {

// Values as Go's time.ParseDuration gives them.
TEST(Duration, ReadsWhatGoReads) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},
      {"0s", 0},
      {"-0", 0},
      {"+5s", 5'000'000'000},
      {"-5s", -5'000'000'000},
      {"1h2m3.5s", 3'723'500'000'000},
      {"1.5h", 5'400'000'000'000},
      {"1.h", 3'600'000'000'000},
      {".5s", 500'000'000},
      {"100ms", 100'000'000},
      {"12us", 12'000},
      {"12\xc2\xb5s", 12'000},
      {"12\xce\xbcs", 12'000},
      {"7ns", 7},
      {"0.3333333333333333333h", 1'200'000'000'000 - 1},
      {"9223372036854775807ns", std::numeric_limits<int64_t>::max()},
      {"2m2m", 240'000'000'000},
  };
  for (const auto& [text, ns] : cases) {
    const auto got = parse_duration_ns(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(*got, ns) << text;
  }
}

TEST(Duration, ANumberAloneCountsNanoseconds) {
  EXPECT_EQ(*parse_duration_ns("30"), 30);
  EXPECT_EQ(*parse_duration_ns("-1"), -1);
}

TEST(Duration, RefusesWhatGoRefuses) {
  for (const char* bad : {"",
                          "-",
                          "+",
                          ".",
                          "s",
                          "3 s",
                          " 3s",
                          "3s ",
                          "1d",
                          "1.5",
                          "--1s",
                          "1e3s",
                          "inf",
                          "nan",
                          ".s",
                          "1..5s",
                          "3000000h",
                          "9223372036854775808ns",
                          "99999999999999999999s",
                          "5m3",
                          "\xc2s"})
    EXPECT_FALSE(parse_duration_ns(bad)) << bad;
}

TEST(Duration, PrintingAndReadingAgree) {
  for (const int64_t ns : {int64_t{0}, int64_t{1}, int64_t{-1500}, int64_t{90'000'000'000}, int64_t{5'025'000'001},
                           std::numeric_limits<int64_t>::max()})
    EXPECT_EQ(*parse_duration_ns(print_duration(ns)), ns) << print_duration(ns);
  EXPECT_EQ(print_duration(90'000'000'000), "1m30s");
}

}  // namespace
}  // namespace splitprof::config
