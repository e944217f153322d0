// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/endpoints.h"

#include <gtest/gtest.h>

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

TEST(Endpoints, TakeTurns) {
  Endpoints endpoints({"a", "b", "c"});
  std::string turns;
  for (int i = 0; i < 6; ++i) turns += endpoints.url(endpoints.next(0));
  EXPECT_EQ(turns, "abcabc");
}

TEST(Endpoints, OneThatCannotBeReachedRestsLongerEachTime) {
  Endpoints endpoints({"a", "b"});
  uint64_t now = 0, rest = 60 * kSecondNs;
  for (int i = 0; i < 8; ++i) {
    endpoints.unreachable(0, now);
    endpoints.unreachable(0, now);  // of another request that was under way: the same failure
    for (int j = 0; j < 4; ++j) EXPECT_EQ(endpoints.next(now + rest - 1), 1u) << i;
    EXPECT_FALSE(endpoints.all_rest(now + rest - 1));
    now += rest;
    EXPECT_NE(endpoints.next(now), endpoints.next(now)) << i;
    rest = std::min(rest * 2, 60 * kSecondNs * 32);
  }
  endpoints.answered(0);
  endpoints.unreachable(0, now);
  EXPECT_NE(endpoints.next(now + 60 * kSecondNs), endpoints.next(now + 60 * kSecondNs));
}

TEST(Endpoints, OneIsTriedWhenAllRest) {
  Endpoints endpoints({"a", "b"});
  endpoints.unreachable(1, 0);
  endpoints.unreachable(0, 10);
  EXPECT_TRUE(endpoints.all_rest(20));
  EXPECT_EQ(endpoints.next(20), 1u) << "rests since longer";
}

}  // namespace
}  // namespace splitprof::elasticsearch
