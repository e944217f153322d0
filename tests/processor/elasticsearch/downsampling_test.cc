// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/downsampling.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace splitprof::elasticsearch {
namespace {

TEST(Downsampling, EachLevelKeepsAFifth) {
  for (const uint64_t seed : {0ull, 1ull, 0xdeadbeefull}) {
    Downsampling downsampling(seed);
    std::array<int, Downsampling::kLevels + 1> in_level{};
    constexpr int kEvents = 1'000'000;
    for (int i = 0; i < kEvents; ++i) {
      const unsigned level = downsampling.level();
      ASSERT_LE(level, Downsampling::kLevels);
      for (unsigned n = 0; n <= level; ++n) ++in_level[n];
    }
    for (unsigned n = 1; n <= 3; ++n) {
      const double expected = kEvents / std::pow(5, n);
      EXPECT_NEAR(in_level[n], expected, 0.05 * expected) << "seed " << seed << ", level " << n;
    }
  }
}

TEST(Downsampling, ASeedGivesTheSameEventsAgain) {
  Downsampling one(7), same(7), other(8);
  int differences = 0;
  for (int i = 0; i < 1000; ++i) {
    const unsigned level = one.level();
    ASSERT_EQ(level, same.level());
    differences += level != other.level();
  }
  EXPECT_GT(differences, 100);
}

}  // namespace
}  // namespace splitprof::elasticsearch
