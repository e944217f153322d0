// SPDX-License-Identifier: Apache-2.0
//
// Buffering: when points are handed on, and which of them become one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processor/metrics/connector.h"

namespace splitprof {
namespace {

using metrics::append_identity;
using otel::Value;
using test::after;
using test::Connector;
using test::ProfilesBuilder;
using testing::ElementsAre;
using testing::IsEmpty;

ProfilingMetricsOptions buffered(int64_t interval_ns = 30'000'000'000) {
  ProfilingMetricsOptions options;
  options.name = "profilingmetrics";
  options.flush_interval_ns = interval_ns;
  return options;
}

otel::Attributes pid(int64_t number) {
  return {{"process.pid", Value{number}}};
}

otel::Profiles of_process(int64_t number, uint64_t time_ns, std::string_view stack, uint32_t timestamps) {
  ProfilesBuilder profiles;
  profiles.resource(pid(number));
  profiles.profile(time_ns);
  profiles.sample(stack, timestamps);
  return profiles.out;
}

TEST(Flush, HandsMergedPointsOnAtTheTick) {
  Connector connector(buffered());
  connector->consume(of_process(7, 100, "go", 2));
  connector->consume(of_process(7, 105, "go", 3));
  connector->consume(of_process(8, 105, "go", 1));
  connector->tick(after(29.9));
  EXPECT_THAT(connector.kept.batches, IsEmpty());
  connector->tick(after(30));
  ASSERT_EQ(connector.kept.batches.size(), 1u);
  const auto& resources = connector.kept.batches[0].resources;
  ASSERT_EQ(resources.size(), 2u);
  EXPECT_EQ(resources[0].resource.attributes, pid(7));
  EXPECT_THAT(test::points_of(resources[0]), ElementsAre("go 5", "user 5"));
  EXPECT_THAT(test::points_of(resources[1]), ElementsAre("go 1", "user 1"));
  for (const auto& resource : resources)
    for (const auto& metric : resource.scopes[0].metrics) {
      EXPECT_EQ(metric.points[0].time_ns, 105u);
      EXPECT_EQ(metric.points[0].start_time_ns, test::kCreated.unix_ns);
    }
}

TEST(Flush, ForgetsWhatItHandedOn) {
  Connector connector(buffered());
  connector->consume(of_process(7, 100, "go", 2));
  connector->tick(after(30));
  EXPECT_THAT(connector.points(), ElementsAre("go 2", "user 2"));
  connector->tick(after(60));
  EXPECT_THAT(connector.kept.batches, IsEmpty()) << "nothing to hand on";
  connector->consume(of_process(7, 100, "k:tcp_push, k:ksys_write", 4));
  connector->tick(after(90));
  EXPECT_THAT(connector.points(),
              ElementsAre("kernel{syscall_name=write, kernel_area=network, kernel_proto=tcp, kernel_io=write} 4"));
}

TEST(Flush, TicksCountFromTheStartAndMissedOnesAreNotMadeUp) {
  Connector connector(buffered());
  connector->consume(of_process(7, 100, "go", 1));
  connector->tick(after(95));
  EXPECT_EQ(connector.kept.batches.size(), 1u);
  connector->consume(of_process(7, 100, "go", 1));
  connector->tick(after(119));
  EXPECT_EQ(connector.kept.batches.size(), 1u);
  connector->tick(after(120));
  EXPECT_EQ(connector.kept.batches.size(), 2u);
}

TEST(Flush, TheLaterTimeStaysWhateverCameFirst) {
  Connector connector(buffered());
  connector->consume(of_process(7, 105, "go", 2));
  connector->consume(of_process(7, 100, "go", 2));
  connector->tick(after(30));
  EXPECT_EQ(connector.kept.batches.at(0).resources.at(0).scopes.at(0).metrics.at(0).points.at(0).time_ns, 105u);
}

TEST(Flush, MetricsComeInTheOrderInWhichTheyWereFirstSeen) {
  Connector connector(buffered());
  ProfilesBuilder first;
  first.resource(pid(7));
  first.profile();
  first.sample("ruby");
  first.sample("k:f");
  connector->consume(first.out);
  connector->consume(of_process(7, 1, "go", 1));
  connector->tick(after(30));
  std::vector<std::string> names;
  for (const auto& metric : connector.kept.batches.at(0).resources.at(0).scopes.at(0).metrics)
    names.push_back(test::short_name(metric.name));
  EXPECT_THAT(names, ElementsAre("kernel", "ruby", "user", "go"));
}

// Within a batch and resource gauges are combined as configured, then summed.
TEST(Flush, GaugesOfSeveralBatchesAreSummed) {
  auto options = buffered();
  options.enabled.fill(false);
  options.enabled[ProfilingMetricsOptions::frame_type] = true;
  Connector connector(options);
  for (int i = 0; i < 2; ++i) {
    ProfilesBuilder profiles;
    profiles.resource(pid(7));
    profiles.profile(5);
    profiles.sample("go, go, go, go");
    profiles.profile(5);
    profiles.sample("go, go");
    connector->consume(profiles.out);
  }
  connector->tick(after(30));
  EXPECT_THAT(connector.points(), ElementsAre("frame_type{frame_type=go, profile.type_unit=samples_count} 6"));
}

TEST(Flush, TwoProfilesOfOneResourceBecomeOnePoint) {
  Connector connector(buffered());
  ProfilesBuilder profiles;
  profiles.resource(pid(7));
  profiles.profile(5);
  profiles.sample("go", 4);
  profiles.profile(6);
  profiles.sample("go", 2);
  connector->consume(profiles.out);
  connector->tick(after(30));
  EXPECT_THAT(connector.points(), ElementsAre("go 6", "user 6"));
}

TEST(Flush, StopHandsOnWhatWaits) {
  Connector connector(buffered());
  connector->consume(of_process(7, 100, "go", 2));
  EXPECT_FALSE(connector->finished());
  connector->stop(after(3), after(5).monotonic_ns);
  EXPECT_THAT(connector.points(), ElementsAre("go 2", "user 2"));
  EXPECT_TRUE(connector->finished());
}

TEST(Flush, StopWithoutAnythingHandsNothingOn) {
  for (const int64_t interval : {int64_t{30} * 1'000'000'000, int64_t{0}}) {
    Connector connector(buffered(interval));
    connector->stop(after(0), after(1).monotonic_ns);
    EXPECT_THAT(connector.kept.batches, IsEmpty());
    EXPECT_TRUE(connector->finished());
  }
}

TEST(Flush, ZeroAndLessHandOnAtOnce) {
  for (const int64_t interval : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
    Connector connector(buffered(interval));
    connector->consume(of_process(7, 100, "go", 2));
    EXPECT_EQ(connector.kept.batches.size(), 1u);
    connector->consume(of_process(7, 100, "go", 2));
    EXPECT_EQ(connector.kept.batches.size(), 2u);
    connector->tick(after(100));
    connector->consume(otel::Profiles());
    EXPECT_EQ(connector.kept.batches.size(), 2u);
  }
}

TEST(Flush, TheLongestIntervalDoesNotOverflow) {
  Connector connector(buffered(INT64_MAX));
  connector->consume(of_process(7, 100, "go", 2));
  connector->tick(after(1e6));
  EXPECT_THAT(connector.kept.batches, IsEmpty());
}

// A flood of processes is handed on before its time, and nothing of it is lost.
TEST(Flush, ComesEarlierWhenTooMuchWaits) {
  Connector connector(buffered());
  const std::string long_text(1 << 20, 'x');
  uint64_t samples = 0;
  for (int64_t i = 0; i < 40; ++i) {
    auto profiles = of_process(i, 100, "go", 1);
    profiles.resources[0].resource.attributes.push_back({"long", Value{long_text}});
    connector->consume(profiles);
    ++samples;
  }
  EXPECT_GT(connector->counters().flushes_early, 0u);
  EXPECT_FALSE(connector.kept.batches.empty());
  connector->stop(after(1), 0);
  uint64_t counted = 0;
  for (const auto& line : connector.points()) counted += line == "go 1";
  EXPECT_EQ(counted, samples);
}

std::string identity(const otel::Attributes& attributes) {
  std::string out;
  append_identity(attributes, out);
  return out;
}

TEST(ResourceIdentity, DoesNotDependOnTheOrder) {
  const otel::Attributes inner{{"x", Value{true}}, {"y", Value{otel::Value::Array{Value{int64_t{1}}, Value{2.0}}}}};
  const otel::Attributes turned{inner[1], inner[0]};
  const otel::Attributes one{{"a", Value{std::string("1")}}, {"b", Value{inner}}, {"c", Value{otel::Bytes{"\0z"}}}};
  const otel::Attributes other{one[2], {"b", Value{turned}}, one[0]};
  EXPECT_EQ(identity(one), identity(other));
}

TEST(ResourceIdentity, TellsKeysTypesAndValuesApart) {
  const std::vector<otel::Attributes> different{
      {},
      {{"a", Value{}}},
      {{"a", Value{std::string("1")}}},
      {{"a", Value{otel::Bytes{"1"}}}},
      {{"a", Value{int64_t{1}}}},
      {{"a", Value{1.0}}},
      {{"a", Value{true}}},
      {{"a", Value{false}}},
      {{"a", Value{Value::Array{}}}},
      {{"a", Value{Value::Map{}}}},
      {{"a", Value{Value::Array{Value{int64_t{1}}}}}},
      {{"a", Value{Value::Array{Value{int64_t{1}}, Value{int64_t{1}}}}}},
      {{"a", Value{Value::Array{Value{Value::Array{Value{int64_t{1}}}}, Value{int64_t{1}}}}}},
      {{"b", Value{int64_t{1}}}},
      {{"a", Value{int64_t{1}}}, {"b", Value{int64_t{1}}}},
      {{"", Value{std::string("a1")}}},
      {{"a1", Value{std::string("")}}},
  };
  for (size_t i = 0; i < different.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_NE(identity(different[i]), identity(different[j])) << i << " " << j;
}

TEST(Flush, ResourcesAreOneWhateverTheOrderOfTheirAttributes) {
  Connector connector(buffered());
  for (const bool turned : {false, true}) {
    auto profiles = of_process(7, 1, "go", 1);
    auto& resource = profiles.resources[0].resource;
    resource.attributes.push_back({"host.name", Value{std::string("h")}});
    if (turned) std::swap(resource.attributes[0], resource.attributes[1]);
    resource.dropped_attributes = turned;
    connector->consume(profiles);
  }
  connector->tick(after(30));
  ASSERT_EQ(connector.kept.batches.at(0).resources.size(), 1u);
  EXPECT_THAT(connector.points(), ElementsAre("go 2", "user 2"));
}

}  // namespace
}  // namespace splitprof
