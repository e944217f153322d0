// SPDX-License-Identifier: Apache-2.0
#include "processor/command/duration.h"

#include <gtest/gtest.h>

namespace splitprof {
namespace {

TEST(Duration, KnowsTheUsualUnits) {
  EXPECT_DOUBLE_EQ(parse_duration("30s").value(), 30);
  EXPECT_DOUBLE_EQ(parse_duration("500ms").value(), 0.5);
  EXPECT_DOUBLE_EQ(parse_duration("1.5m").value(), 90);
  EXPECT_DOUBLE_EQ(parse_duration("1h").value(), 3600);
  EXPECT_DOUBLE_EQ(parse_duration("7").value(), 7);
}

TEST(Duration, RefusesWhatIsNoLengthOfTime) {
  for (const char* text : {"", "s", "10 s", "-1s", "0", "nan", "inf", "10d", "31x", "999999h"})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
}

}  // namespace
}  // namespace splitprof
