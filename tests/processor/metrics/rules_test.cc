// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace splitprof::metrics {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<uint32_t> matching(const std::vector<std::string>& patterns, std::string_view function) {
  std::vector<ProfilingMetricsOptions::Rule> rules;
  for (const auto& pattern : patterns) rules.push_back({pattern, "label"});
  const auto compiled = Rules::compile(rules);
  EXPECT_TRUE(compiled.has_value()) << compiled.error().message;
  std::vector<uint32_t> found;
  if (compiled) compiled->find(function, found);
  return found;
}

TEST(Rules, EveryRuleThatMatchesAnywhereCounts) {
  EXPECT_THAT(matching({"^com\\.acme\\.", "pay", "^pay"}, "com.acme.pay.A.b"), ElementsAre(0, 1));
  EXPECT_THAT(matching({"x"}, "abc"), IsEmpty());
  EXPECT_THAT(matching({"^$"}, ""), ElementsAre(0));
}

TEST(Rules, SpeakGosDialect) {
  EXPECT_THAT(matching({"(?i)ABC"}, "xabcx"), ElementsAre(0));
  EXPECT_THAT(matching({"ABC"}, "xabcx"), IsEmpty());
  EXPECT_THAT(matching({"a$"}, "a\n"), IsEmpty()) << "$ is the very end";
  EXPECT_THAT(matching({"(?m)a$"}, "a\nb"), ElementsAre(0));
  EXPECT_THAT(matching({"a.b"}, "a\nb"), IsEmpty());
  EXPECT_THAT(matching({"\\w"}, "\xc3\xa4"), IsEmpty()) << "\\w is ASCII";
  EXPECT_THAT(matching({"[[:alpha:]]\\pL"}, "a\xc3\xa4"), ElementsAre(0));
  EXPECT_THAT(matching({"(?P<n>a)b", "(?<n>a)b", "x(?<first_1>a)(?<second>b)"}, "xab"), ElementsAre(0, 1, 2));
  EXPECT_THAT(matching({"a{1000}"}, std::string(1000, 'a')), ElementsAre(0));
  EXPECT_THAT(matching({"a"}, "\xff\xfe a"), ElementsAre(0)) << "not UTF-8";
}

TEST(Rules, ABadRuleIsNamedAndTheFirstOneWins) {
  const auto message = [](std::vector<ProfilingMetricsOptions::Rule> rules) {
    const auto compiled = Rules::compile(rules);
    return compiled.has_value() ? "" : compiled.error().message;
  };
  EXPECT_EQ(message({{"a", "b"}, {"", "c"}, {"(", "d"}}),
            "invalid aggregation configuration: aggregations[1] has no match");
  EXPECT_EQ(message({{"a", ""}}), "invalid aggregation configuration: aggregations[0] has no label");
  EXPECT_THAT(message({{"(unclosed", "broken"}}), HasSubstr("compiling regex for label broken: missing )"));
  for (const char* refused : {"(?=a)", "(?<=a)", "(a)\\1", "a{1001}"})
    EXPECT_THAT(message({{refused, "l"}}), HasSubstr("compiling regex")) << refused;
}

}  // namespace
}  // namespace splitprof::metrics
