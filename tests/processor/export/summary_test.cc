// SPDX-License-Identifier: Apache-2.0
#include "processor/export/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample_profile.h"
#include "tests/golden.h"

namespace splitprof {
namespace {

using testing::HasSubstr;
using testing::Not;

RunSummary example() {
  RunSummary s = test::small_profile()->summary;
  s.samples = {.taken = 60000, .delivered = 59990, .aggregated = 59980, .lost = {{"bpf_ring", 10}, {"bad_record", 10}}};
  s.stacks = {.whole = 59900, .truncated = {{"time", 70}, {"gap", 10}}};
  s.named = {.samples = 59980, .leaf_named = 59970, .all_named = 59000, .frames = 1000000, .frames_named = 999000};
  s.bpf = {.samples = 60000, .walk_ns = 240000000, .user_frames = 1800000, .kernel_frames = 300000};
  s.start_up = {.started_ns = 1000000000, .connected_ns = 1100000000, .first_sample_ns = 1250000000};
  s.sandbox = {"seccomp: only 41 system calls", "landlock: no file can be opened"};
  s.accounting = {{"published = consumed + abandoned", 59990, 59990}, {"consumed = aggregated + drops", 59990, 59989}};
  s.processes = {
      {.name = "sampler", .pid = 12, .cpu_user_ns = 30000000, .cpu_system_ns = 50000000, .peak_pss_bytes = 5 << 20}};
  s.counters = {{"samples_taken", 60000}};
  return s;
}

TEST(Summary, JsonIsAsItWas) {
  test::expect_golden("export/summary.json", to_json(example()));
}

TEST(Summary, JsonReadsBackEqual) {
  const auto text = to_json(example());
  const auto read = summary_from_json(text);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(to_json(*read), text);
}

TEST(Summary, WhatIsNotASummaryIsAnError) {
  for (const char* text : {"", "{", "[]", "{}", "3", R"({"version":4})", R"({"version":"1","run":[]})"}) {
    EXPECT_FALSE(summary_from_json(text).has_value()) << text;
  }
}

TEST(Summary, NumbersAreTakenOnlyAsTheyAre) {
  for (const auto& wrong : {nlohmann::json(-1), nlohmann::json(1e300), nlohmann::json("7"), nlohmann::json(nullptr)}) {
    auto in = nlohmann::json::parse(to_json(example()));
    in["samples"]["taken"] = wrong;
    EXPECT_FALSE(summary_from_json(in.dump()).has_value()) << wrong;
  }
  auto in = nlohmann::json::parse(to_json(example()));
  in["processes"][0]["pid"] = uint64_t{1} << 32;
  EXPECT_FALSE(summary_from_json(in.dump()).has_value());
}

TEST(Summary, JsonTakesAnyBytes) {
  auto s = example();
  s.host_name = "\xff\n";
  EXPECT_TRUE(summary_from_json(to_json(s)).has_value());
}

TEST(TerminalSummary, IsAsItWas) {
  test::expect_golden("export/summary.txt", terminal_summary(example(), false));
}

TEST(TerminalSummary, SaysWhereAnEquationDoesNotHold) {
  auto s = example();
  EXPECT_THAT(terminal_summary(s, false), HasSubstr("consumed = aggregated + drops: 59,990 is not 59,989"));
  s.accounting[1].right = 59990;
  EXPECT_THAT(terminal_summary(s, false), Not(HasSubstr("accounting")));
}

TEST(TerminalSummary, NamesNeverDriveTheTerminal) {
  auto s = example();
  s.target = "\x1b]0;owned\x07";
  EXPECT_THAT(terminal_summary(s, false), Not(HasSubstr("\x1b")));
}

TEST(TerminalSummary, OfNothingIsStillReadable) {
  EXPECT_THAT(terminal_summary({}, false), HasSubstr("0 taken, 0 in the profile, 0 lost"));
}

}  // namespace
}  // namespace splitprof
