// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "processor/telemetry/health.h"
#include "processor/telemetry/pages.h"
#include "processor/telemetry/prometheus.h"
#include "processor/telemetry/sampler_counters.h"

namespace splitprof {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kSecondNs = 1'000'000'000;

std::vector<std::string> names_of(const std::vector<HealthCheck>& checks) {
  std::vector<std::string> names;
  for (const auto& check : checks) names.push_back(check.name);
  return names;
}

TEST(Prometheus, ValuesOfOneNameStandTogether) {
  const std::vector<MetricGroup> groups{
      {"exporter", "elasticsearch", {{"sent", "requests sent", 1}, {"waiting", "requests waiting, now", 2}}},
      {"processor", "", {{"sent", "another thing", UINT64_MAX}}},
      {"exporter", "otlphttp/eu", {{"sent", "requests sent", 3}}}};
  EXPECT_EQ(prometheus_text(groups, "1.2.3"),
            "# HELP splitprof_build_info always 1; its label says which version runs\n"
            "# TYPE splitprof_build_info gauge\n"
            "splitprof_build_info{version=\"1.2.3\"} 1\n"
            "# HELP splitprof_exporter_sent requests sent\n"
            "# TYPE splitprof_exporter_sent counter\n"
            "splitprof_exporter_sent{component=\"elasticsearch\"} 1\n"
            "splitprof_exporter_sent{component=\"otlphttp/eu\"} 3\n"
            "# HELP splitprof_exporter_waiting requests waiting, now\n"
            "# TYPE splitprof_exporter_waiting gauge\n"
            "splitprof_exporter_waiting{component=\"elasticsearch\"} 2\n"
            "# HELP splitprof_processor_sent another thing\n"
            "# TYPE splitprof_processor_sent counter\n"
            "splitprof_processor_sent 18446744073709551615\n");
}

TEST(Prometheus, TextsAreEscapedAndNothingComesTwice) {
  const auto text = prometheus_text(
      {{"g", "a\"b\\c\nd", {{"n", "back\\slash \"and\"\nline", 1}}}, {"g", "a\"b\\c\nd", {{"n", "", 2}}}}, "v");
  EXPECT_THAT(text, HasSubstr("# HELP splitprof_g_n back\\\\slash \"and\"\\nline\n"));
  EXPECT_THAT(text, HasSubstr("splitprof_g_n{component=\"a\\\"b\\\\c\\nd\"} 1\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr(" 2\n")));
}

TEST(SamplerCounters, GetTheirSentencesByName) {
  const auto groups = groups_of_sampler({{"published", 5}, {"samples_taken", 7}, {"of_a_newer_sampler", 9}});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].group, "bpf");
  ASSERT_EQ(groups[0].metrics.size(), 1u);
  EXPECT_EQ(groups[0].metrics[0].name, "samples_taken");
  EXPECT_EQ(groups[0].metrics[0].value, 7u);
  EXPECT_THAT(std::string(groups[0].metrics[0].text), HasSubstr("samples"));
  EXPECT_EQ(groups[1].group, "sampler");
  ASSERT_EQ(groups[1].metrics.size(), 1u);
  EXPECT_EQ(groups[1].metrics[0].value, 5u);
}

TEST(Telemetry, AReportReplacesTheOneBefore) {
  Telemetry telemetry("1", {"main", "export"});
  telemetry.report("main", 1, {{"processor", "", {{"a", "", 1}}}}, {{"sampler", "gone"}});
  telemetry.report("export", 1, {{"exporter", "x", {{"b", "", 2}}}}, {});
  telemetry.report("main", 2, {{"processor", "", {{"a", "", 3}}}}, {{"sampler", ""}});
  const auto groups = telemetry.groups();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].component, "x");
  EXPECT_EQ(groups[1].metrics[0].value, 3u);
  EXPECT_THAT(telemetry.problems(2), IsEmpty());
}

TEST(Telemetry, AThreadThatIsSilentIsAProblem) {
  Telemetry telemetry("1", {"main", "export"});
  EXPECT_THAT(names_of(telemetry.problems(1)), ElementsAre("thread export", "thread main"));
  telemetry.report("main", 10 * kSecondNs, {}, {{"sampler", "gone"}, {"ring", ""}});
  telemetry.report("export", 20 * kSecondNs, {}, {});
  EXPECT_THAT(names_of(telemetry.problems(25 * kSecondNs)), ElementsAre("sampler"));
  EXPECT_THAT(names_of(telemetry.problems(26 * kSecondNs)), ElementsAre("thread main", "sampler"));
}

TEST(Telemetry, ThreadsReportWhileItIsRead) {
  Telemetry telemetry("1", {"main", "export"});
  std::thread writer([&] {
    for (uint64_t i = 1; i < 2000; ++i)
      telemetry.report("main", i, {{"processor", "", {{"a", "text", i}, {"b", "text", i}}}}, {{"c", "wrong"}});
  });
  for (int i = 0; i < 2000; ++i) {
    for (const auto& group : telemetry.groups()) EXPECT_EQ(group.metrics[0].value, group.metrics[1].value);
    EXPECT_GE(telemetry.problems(1).size(), 1u);
  }
  writer.join();
}

TEST(Health, TheRingMayBeQuietForTwoMinutes) {
  EXPECT_EQ(ring_check(10 * kSecondNs, 10 * kSecondNs + kRingSilentNs).problem, "");
  EXPECT_EQ(ring_check(10 * kSecondNs, 11 * kSecondNs + kRingSilentNs).problem, "no record from the sampler for 151 s");
  EXPECT_EQ(ring_check(10 * kSecondNs, 9 * kSecondNs).problem, "") << "read after the time was taken";
  EXPECT_EQ(sampler_check(true).problem, "");
  EXPECT_THAT(sampler_check(false).problem, HasSubstr("splitprof-sampler"));
}

TEST(Health, ABacklogThatDropsIsAProblemForAWhile) {
  ComponentHealth health;
  auto problem = [&](bool healthy, uint64_t dropped, uint64_t seconds) {
    return health.check("exporter x", healthy, {{"backlog_dropped", "", dropped}}, seconds * kSecondNs).problem;
  };
  EXPECT_EQ(problem(true, 0, 1), "");
  EXPECT_THAT(problem(true, 3, 2), HasSubstr("3 requests dropped"));
  EXPECT_THAT(problem(true, 3, 301), HasSubstr("3 requests dropped"));
  EXPECT_EQ(problem(true, 3, 303), "");
  EXPECT_THAT(problem(true, 4, 304), HasSubstr("4 requests dropped"));
  EXPECT_THAT(problem(false, 4, 9999), HasSubstr("not well"));
}

http::Answer get(const Telemetry& telemetry, const std::string& path, uint64_t now) {
  for (const auto& route : telemetry_routes(telemetry, [now] { return now; }))
    if (route.path == path && route.method == "GET") return route.handler({.path = path});
  return {.status = 404};
}

TEST(Pages, HealthIsOkOrSaysWhy) {
  Telemetry telemetry("1", {"main"});
  telemetry.report("main", kSecondNs, {}, {});
  EXPECT_EQ(get(telemetry, "/healthz", kSecondNs).status, 200);
  EXPECT_EQ(get(telemetry, "/healthz", kSecondNs).body, "ok\n");
  telemetry.report("main", kSecondNs, {}, {{"exporter \xff\"", "wrong\n"}});
  const auto answer = get(telemetry, "/healthz", kSecondNs);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(
      answer.body,
      "{\"status\":\"unhealthy\",\"reasons\":[{\"check\":\"exporter \xef\xbf\xbd\\\"\",\"reason\":\"wrong\\n\"}]}\n");
}

TEST(Pages, MetricsAreThoseThatWereReported) {
  Telemetry telemetry("0.1", {"main"});
  telemetry.report("main", 1, {{"processor", "", {{"a", "text", 5}}}}, {});
  const auto answer = get(telemetry, "/metrics", 1);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.body, HasSubstr("\nsplitprof_processor_a 5\n"));
}

}  // namespace
}  // namespace splitprof
