// SPDX-License-Identifier: Apache-2.0
#include "bpf/bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace splitprof {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(Bucket, AFreshOneHoldsItsBurst) {
  __u64 bucket = 0;
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += sp_take_token(&bucket, kSecond, kSecond / 10, 7);
  EXPECT_EQ(taken, 7);
}

TEST(Bucket, GivesBackOneTokenAtATime) {
  __u64 bucket = 0;
  const uint64_t token_ns = kSecond / 10;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(sp_take_token(&bucket, kSecond, token_ns, 4));
  EXPECT_FALSE(sp_take_token(&bucket, kSecond + token_ns - 1, token_ns, 4));
  EXPECT_TRUE(sp_take_token(&bucket, kSecond + token_ns, token_ns, 4));
  EXPECT_FALSE(sp_take_token(&bucket, kSecond + token_ns, token_ns, 4));
  EXPECT_TRUE(sp_take_token(&bucket, kSecond + 2 * token_ns, token_ns, 4));
}

TEST(Bucket, NeverHoldsMoreThanItsBurst) {
  __u64 bucket = 0;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(sp_take_token(&bucket, kSecond, kSecond / 10, 4));
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += sp_take_token(&bucket, 3600 * kSecond, kSecond / 10, 4);
  EXPECT_EQ(taken, 4);
}

TEST(Bucket, LetsNoMoreThroughThanBurstAndRefillWhateverTheDemand) {
  std::mt19937_64 random(1);
  for (int run = 0; run < 50; ++run) {
    SCOPED_TRACE(run);
    __u64 bucket = 0;
    uint64_t now = kSecond, wanted = 0, taken = 0;
    const uint64_t burst = 1 + random() % 128, per_second = 1 + random() % 1000;
    const uint64_t token_ns = kSecond / per_second, pause_ns = 1 + random() % (4 * token_ns);
    while (now < 11 * kSecond && wanted < 100'000) {
      ++wanted;
      taken += sp_take_token(&bucket, now, token_ns, burst);
      now += random() % pause_ns;
    }
    const uint64_t refilled = (now - kSecond) / token_ns;
    EXPECT_LE(taken, burst + refilled + 1);
    EXPECT_GE(taken, std::min(wanted, refilled) * 9 / 10) << "and hardly fewer";
  }
}

TEST(Bucket, ATimeThatGoesBackTakesNothingAway) {
  __u64 bucket = 0;
  EXPECT_TRUE(sp_take_token(&bucket, 2 * kSecond, kSecond / 10, 2));
  EXPECT_FALSE(sp_take_token(&bucket, kSecond, kSecond / 10, 2)) << "another CPU's clock, a second behind";
  EXPECT_TRUE(sp_take_token(&bucket, 2 * kSecond, kSecond / 10, 2));
}

}  // namespace
}  // namespace splitprof
