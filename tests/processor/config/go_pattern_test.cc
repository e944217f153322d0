// SPDX-License-Identifier: Apache-2.0
#include "processor/config/go_pattern.h"

#include <gtest/gtest.h>

namespace splitprof::config {
namespace {

TEST(GoPattern, OnlyNamesOfGroupsAreRewritten) {
  for (const char* same : {"\\(?<n>", "[(?<n>]", "[](?<n>]", "[^](?<n>]", "[[:alpha:](?<n>]", "\\Q(?<n>a)\\E",
                           "\\Q(?<n>", "(?:a)", "(?P<n>a)", "(?<=a)", "(?<!a)", "a\\", "[", ""})
    EXPECT_EQ(re2_pattern(same), same);
  EXPECT_EQ(re2_pattern("[a](?<n>b)\\\\(?<m>c)"), "[a](?P<n>b)\\\\(?P<m>c)");
}

}  // namespace
}  // namespace splitprof::config
