// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace splitprof {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string environment(std::initializer_list<std::string_view> variables) {
  std::string text;
  for (const auto variable : variables) (text += variable) += '\0';
  return text;
}

TEST(Environment, OnlyWhatWasAskedForIsKept) {
  const auto picked = pick_variables(environment({"PASSWORD=hunter2", "REGION=eu", "EMPTY=", "REGIONS=no"}),
                                     {"REGION", "EMPTY", "NONE"});
  EXPECT_EQ(picked, environment({"REGION=eu", "EMPTY="}));
  EXPECT_THAT(split_variables(picked), ElementsAre(Pair("REGION", "eu"), Pair("EMPTY", "")));
}

TEST(Environment, TheFirstOfSeveralCounts) {
  EXPECT_THAT(split_variables(pick_variables(environment({"A=1", "A=2"}), {"A"})), ElementsAre(Pair("A", "1")));
}

TEST(Environment, AValueMayHoldAnythingButZero) {
  EXPECT_THAT(split_variables(pick_variables(environment({"A=b=c\nd\xff"}), {"A"})),
              ElementsAre(Pair("A", "b=c\nd\xff")));
}

TEST(Environment, WhatIsNoVariableIsPassedOver) {
  const std::string text = environment({"", "=", "=x", "noequals", "A=1"}) + "B=cut off";
  EXPECT_THAT(split_variables(pick_variables(text, {"A", "B", "", "noequals"})),
              ElementsAre(Pair("A", "1"), Pair("B", "cut off")));
  EXPECT_THAT(split_variables(""), IsEmpty());
  EXPECT_EQ(pick_variables("", {"A"}), "");
}

TEST(Environment, IsBounded) {
  std::vector<std::string> names;
  std::string text;
  for (size_t i = 0; i < 2 * kMaxVariables; ++i) {
    names.push_back("V" + std::to_string(i));
    text += names.back() + "=" + std::string(2 * kMaxVariableBytes, 'x') + '\0';
  }
  const auto variables = split_variables(pick_variables(text, names));
  EXPECT_EQ(variables.size(), kMaxVariables);
  for (const auto& variable : variables) EXPECT_EQ(variable.second.size(), kMaxVariableBytes);
  EXPECT_EQ(split_variables(text).size(), kMaxVariables);
}

}  // namespace
}  // namespace splitprof
