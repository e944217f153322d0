// SPDX-License-Identifier: Apache-2.0
#include "processor/command/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace splitprof {
namespace {

using testing::HasSubstr;
using testing::Not;

LauncherFacts launcher_facts() {
  LauncherFacts facts{.started_ns = 1000000000, .seconds = 10, .processes = {}, .files = {"out.html"}};
  facts.processes.push_back({.pid = 7, .name = "sampler", .cpu_seconds = 0.5, .peak_pss_bytes = 3u << 20});
  return facts;
}

TEST(RunReport, AddsWhatOnlyTheLauncherKnows) {
  const auto report = make_run_report(R"({"samples": {"taken": 100, "delivered": 97, "lost": {"ring_lost": 3}},
      "stacks": {"whole_percent": 99.5, "truncated": {"time": 1}}, "named_percent": 98,
      "first_sample_ns": 1040000000})",
                                      launcher_facts());
  ASSERT_TRUE(report.has_value());
  const auto json = nlohmann::json::parse(report->json);
  EXPECT_DOUBLE_EQ(json["start_up"]["first_sample_ms"].get<double>(), 40);
  EXPECT_DOUBLE_EQ(json["processes"][0]["cpu_percent"].get<double>(), 5);
  EXPECT_EQ(json["samples"]["taken"], 100);
  EXPECT_THAT(report->text, HasSubstr("100 taken, 97 delivered, 3 lost (ring_lost 3)"));
  EXPECT_THAT(report->text, HasSubstr("99.50 % whole (time 1)"));
  EXPECT_THAT(report->text, HasSubstr("0.50 s CPU (5.00 %), 3.0 MiB"));
  EXPECT_THAT(report->text, HasSubstr("out.html"));
}

TEST(RunReport, TrustsNothingThatTheProcessorSays) {
  for (const char* summary : {"", "[]", "{", "null", "\xff"})
    EXPECT_FALSE(make_run_report(summary, launcher_facts()).has_value()) << summary;
  EXPECT_FALSE(make_run_report(std::string(kMaxSummaryBytes + 1, ' '), launcher_facts()).has_value());
  const auto report = make_run_report(
      "{\"samples\": 5, \"stacks\": {\"whole_percent\": \"x\", \"truncated\": []},"
      "\"bpf\": null, \"sandbox\": [\"\\u001b[31mred\", 4]}",
      launcher_facts());
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->text, HasSubstr("?[31mred"));
  EXPECT_THAT(report->text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace splitprof
