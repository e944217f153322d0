// SPDX-License-Identifier: Apache-2.0
#include "processor/http/backoff.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace splitprof::http {
namespace {

TEST(Backoff, LiesBetweenHalfAndTheWholeOfADoubledWait) {
  Backoff backoff(100, 1000, 1);
  for (int round = 0; round < 1000; ++round) {
    uint64_t whole = 100;
    for (unsigned n = 1; n < 10; ++n) {
      const auto wait = backoff.wait_ns(n);
      ASSERT_GE(wait, whole / 2) << n;
      ASSERT_LT(wait, whole) << n;
      whole = std::min<uint64_t>(whole * 2, 1000);
    }
  }
}

TEST(Backoff, DoesNotOverflow) {
  constexpr auto kMost = std::numeric_limits<uint64_t>::max();
  for (const unsigned n : {0u, 1u, 63u, 64u, 65u, std::numeric_limits<unsigned>::max()}) {
    EXPECT_GE(Backoff(3, 1'000'000, 1).wait_ns(n), 1u) << n;
    EXPECT_LE(Backoff(3, 1'000'000, 1).wait_ns(n), 1'000'000u) << n;
    EXPECT_LE(Backoff(kMost / 2, kMost / 2, 1).wait_ns(n), kMost / 2) << n;
  }
  EXPECT_EQ(Backoff(0, 0, 1).wait_ns(5), 0u);
  EXPECT_LE(Backoff(100, 10, 1).wait_ns(5), 100u) << "a largest wait below the first";
}

TEST(Backoff, TwoSeedsDoNotWaitAlike) {
  Backoff a(1'000'000'000, 1'000'000'000, 1), b(1'000'000'000, 1'000'000'000, 2);
  std::set<uint64_t> waits;
  for (int i = 0; i < 100; ++i) waits.insert({a.wait_ns(1), b.wait_ns(1)});
  EXPECT_EQ(waits.size(), 200u);
}

TEST(RetryAfter, IsSeconds) {
  EXPECT_EQ(parse_retry_after_ns("7"), 7'000'000'000u);
  EXPECT_EQ(parse_retry_after_ns("0"), 0u);
  EXPECT_EQ(parse_retry_after_ns("4000000000000"), 1'000'000'000'000'000'000u) << "capped";
  for (const char* text : {"", "-1", "1.5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", "99999999999999999999999"})
    EXPECT_FALSE(parse_retry_after_ns(text)) << text;
}

}  // namespace
}  // namespace splitprof::http
