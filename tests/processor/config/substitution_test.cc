// SPDX-License-Identifier: Apache-2.0
#include "processor/config/substitution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "processor/config/redact.h"

namespace splitprof::config {
namespace {

using testing::HasSubstr;

class SubstitutionTest : public testing::Test {
 protected:
  // The value of key "a" after substitution, printed; errors, if there are any.
  std::string of(const std::string& value) {
    Problems problems;
    auto document = read_yaml("a: " + value + "\n", problems.add_source("x"), problems);
    if (!document) return problems.errors();
    const Environment environment = [this](const std::string& name) {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
    substitute(*document, environment, problems);
    notes_ = problems.notes();
    if (problems.any()) return problems.errors();
    auto text = print_yaml(*document);
    text.pop_back();
    return text;
  }
  std::map<std::string, std::string> variables_;
  std::vector<std::string> notes_;
};

TEST_F(SubstitutionTest, VariablesStandInTheirPlaces) {
  variables_ = {{"HOST", "h"}, {"PORT", "9200"}};
  EXPECT_EQ(of("${env:HOST}"), "a: h");
  EXPECT_EQ(of("http://${env:HOST}:${PORT}/"), "a: http://h:9200/");
  EXPECT_EQ(of("\"${env:HOST}\""), "a: h");
  EXPECT_EQ(of("[\"${HOST}\", {b: \"${PORT}\"}]"), "a:\n  - h\n  - b: 9200");
}

TEST_F(SubstitutionTest, DefaultsStandForWhatIsNotSet) {
  variables_ = {{"EMPTY", ""}, {"B", "b"}};
  EXPECT_EQ(of("${env:NONE:-x y}"), "a: x y");
  EXPECT_EQ(of("${NONE:-x}"), "x:1:4: NONE: is none of env:NAME, env:NAME:-DEFAULT, file:PATH, yaml:TEXT");
  EXPECT_EQ(of("${env:NONE:-}"), "a: \"\"");
  EXPECT_EQ(of("${env:EMPTY:-x}"), "a: ~");
  EXPECT_EQ(of("${env:NONE:-${env:B}}"), "a: b");
}

TEST_F(SubstitutionTest, AVariableThatIsNotSetIsNothingAndNoted) {
  EXPECT_EQ(of("${env:NONE}"), "a: ~");
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_THAT(notes_[0], HasSubstr("x:1:4: env:NONE is not set"));
  EXPECT_EQ(of("x${env:NONE}y"), "a: xy");
}

TEST_F(SubstitutionTest, AWholeValueMayBeOfAnyType) {
  variables_ = {{"MAP", "{b: [1, 2]}"}, {"LIST", "- x\n- y"}, {"NUMBER", "0012"}, {"BROKEN", "[a"}};
  EXPECT_EQ(of("${env:MAP}"), "a:\n  b:\n    - 1\n    - 2");
  EXPECT_EQ(of("${env:LIST}"), "a:\n  - x\n  - y");
  EXPECT_EQ(of("${env:NUMBER}"), "a: 0012");
  EXPECT_EQ(of("${env:BROKEN}"), "a: \"[a\"");
  EXPECT_EQ(of("\"${yaml:{c: d}}\""), "a: \"{c: d}\"") << "the first brace ends it, as in the collector";
}

TEST_F(SubstitutionTest, TwoDollarsAreOne) {
  variables_ = {{"A", "a$$b"}};
  EXPECT_EQ(of("$${env:A}"), "a: ${env:A}");
  EXPECT_EQ(of("$$$${env:A}"), "a: $${env:A}");
  EXPECT_EQ(of("x$$y$z"), "a: x$y$z");
  EXPECT_EQ(of("${env:A}"), "a: a$b");
  EXPECT_EQ(of("$${env:B} ${env:A}"), "a: ${env:B} a$b");
}

TEST_F(SubstitutionTest, FilesAreRead) {
  const std::string path = testing::TempDir() + "substitution_test.yml";
  std::ofstream(path) << "{b: c}";
  EXPECT_EQ(of("${file:" + path + "}"), "a:\n  b: c");
  EXPECT_THAT(of("${file:/does/not/exist}"), HasSubstr("x:1:4: file:/does/not/exist: cannot be read: No such file"));
  EXPECT_THAT(of("${file:/}"), HasSubstr("cannot be read"));
}

TEST_F(SubstitutionTest, WhatItIsNotSaysSo) {
  EXPECT_THAT(of("${http://x}"), HasSubstr("is none of env:NAME"));
  EXPECT_THAT(of("${env:1X}"), HasSubstr("letters, digits and _ only"));
  EXPECT_THAT(of("${}"), HasSubstr("letters, digits and _ only"));
}

TEST_F(SubstitutionTest, IsBounded) {
  variables_ = {{"SELF", "${env:SELF}"}, {"TWICE", "${env:TWICE} ${env:TWICE}"}, {"NEST", "[\"${env:NEST}\"]"}};
  for (const char* name : {"SELF", "TWICE", "NEST"})
    EXPECT_THAT(of(std::string("${env:") + name + "}"), HasSubstr("too many or too large ${…}")) << name;
}

TEST_F(SubstitutionTest, ErrorsHoldNothingThatWasInserted) {
  variables_ = {{"PASSWORD", "${env:hunter2}${hunter2:x}"}};
  const auto error = of("${env:PASSWORD}");
  EXPECT_THAT(error, HasSubstr("a reference in what was inserted here: cannot be had"));
  EXPECT_EQ(error.find("hunter2"), std::string::npos);
  for (const auto& note : notes_) EXPECT_EQ(note.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace splitprof::config
