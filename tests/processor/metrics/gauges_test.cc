// SPDX-License-Identifier: Apache-2.0
//
// The three gauges: what they count, which attributes they have, how points become one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processor/metrics/connector.h"

namespace splitprof {
namespace {

using test::Connector;
using test::ProfilesBuilder;
using testing::ElementsAre;
using testing::IsEmpty;
using Options = ProfilingMetricsOptions;

// Nothing is on but these.
Options only(std::initializer_list<Options::MetricNumber> metrics) {
  auto options = test::pass_through();
  options.enabled.fill(false);
  for (const auto metric : metrics) options.enabled[metric] = true;
  return options;
}

TEST(FrameTypeGauge, CountsEveryFrameOfEverySampleOnce) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go, go, n:x", 5);
  profiles.sample("k:f, go", 9);
  Connector connector(only({Options::frame_type}));
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("frame_type{frame_type=go, profile.type_unit=samples_count} 3",
                                              "frame_type{frame_type=kernel, profile.type_unit=samples_count} 1",
                                              "frame_type{frame_type=native, profile.type_unit=samples_count} 1"));
}

TEST(FrameTypeGauge, CountsOtherKindsOfProfilesToo) {
  ProfilesBuilder profiles;
  profiles.profile(0, "off_cpu", "nanoseconds");
  profiles.sample("go, go");
  auto options = test::pass_through();
  options.enabled[Options::frame_type] = true;
  Connector connector(options);
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("frame_type{frame_type=go, profile.type_unit=off_cpu_nanoseconds} 2"));
}

TEST(FrameTypeGauge, KnowsNoListOfTypes) {
  ProfilesBuilder profiles;
  const int32_t number = profiles.frame_type("overwritten");
  profiles.out.dictionary.attributes[static_cast<size_t>(number)].value = otel::Value{int64_t{1}};
  otel::Location location;
  location.attributes = {static_cast<uint32_t>(profiles.out.dictionary.indices.size()), 1};
  profiles.out.dictionary.indices.push_back(number);
  profiles.out.dictionary.locations.push_back(location);
  const auto no_text = static_cast<int32_t>(profiles.out.dictionary.locations.size() - 1);
  profiles.profile();
  profiles.sample("abort-marker, luajit, -, python");
  profiles.sample(profiles.stack_of({no_text}));
  profiles.sample(0);
  Connector connector(only({Options::frame_type}));
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("frame_type{frame_type=, profile.type_unit=samples_count} 1",
                                              "frame_type{frame_type=abort-marker, profile.type_unit=samples_count} 1",
                                              "frame_type{frame_type=luajit, profile.type_unit=samples_count} 1",
                                              "frame_type{frame_type=python, profile.type_unit=samples_count} 1"));
}

TEST(ClassificationGauge, CountsEveryLineOfGoAndJvmFrames) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go=net/http.(*conn).serve", 6);
  profiles.sample("jvm=void a.B.c();int a.B.d();void Main.main(), ruby=x.y");
  profiles.sample("go=", 1);
  Connector connector(only({Options::classification}));
  connector->consume(profiles.out);
  // The values stand in each other's attribute: docs/metrics.md.
  EXPECT_THAT(connector.points(),
              ElementsAre("classification{classification=go, frame_type=, profile.type_unit=samples_count} 1",
                          "classification{classification=go, frame_type=net/http, profile.type_unit=samples_count} 1",
                          "classification{classification=jvm, frame_type=.Main, profile.type_unit=samples_count} 1",
                          "classification{classification=jvm, frame_type=a.B, profile.type_unit=samples_count} 2"));
}

TEST(CustomAggregation, CountsEveryRuleThatMatchesALine) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("jvm=com.acme.pay.A.b, jvm=com.acme.C.d, jvm=com.acme.pay.A.b, n:x", 3);
  auto options = only({Options::custom_aggregation});
  options.aggregations = {{"^com\\.acme\\.", "acme"}, {"pay", "payments"}, {"never", "absent"}};
  Connector connector(options);
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(),
              ElementsAre("custom_aggregation{frame_type=acme, profile.type_unit=samples_count} 3",
                          "custom_aggregation{frame_type=payments, profile.type_unit=samples_count} 2"));
}

TEST(CustomAggregation, TwoRulesOfOneLabelBothAdd) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("native=ab");
  auto options = only({Options::custom_aggregation});
  options.aggregations = {{"a", "l"}, {"b", "l"}, {"^$", "empty"}};
  Connector connector(options);
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("custom_aggregation{frame_type=l, profile.type_unit=samples_count} 2"));
}

TEST(CustomAggregation, NeedsRules) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go=a");
  Connector connector(only({Options::custom_aggregation}));
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), IsEmpty());
}

TEST(Gauges, HaveTheirTexts) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go=a");
  auto options = only({Options::custom_aggregation, Options::frame_type, Options::classification});
  options.aggregations = {{"a", "l"}};
  Connector connector(options);
  connector->consume(profiles.out);
  const auto& metrics = connector.kept.batches.at(0).resources.at(0).scopes.at(0).metrics;
  ASSERT_EQ(metrics.size(), 3u);
  EXPECT_EQ(metrics[0].name, "samples.classification");
  EXPECT_EQ(metrics[0].description, "Number of profiling frames by classification");
  EXPECT_EQ(metrics[1].name, "samples.custom_aggregation");
  EXPECT_EQ(metrics[1].description, "Number of profiling frames by classification");
  EXPECT_EQ(metrics[2].name, "samples.frame_type");
  EXPECT_EQ(metrics[2].description, "Number of profiles frames by frame type");
  for (const auto& metric : metrics) EXPECT_EQ(metric.kind, otel::Metric::Kind::gauge);
}

// Two profiles of one time with 4 and 2 frames.
TEST(Gauges, PointsOfOneTimeAndSetOfAttributesBecomeOne) {
  const std::vector<std::pair<Options::Strategy, int>> cases{{Options::Strategy::avg, 3},
                                                             {Options::Strategy::sum, 6},
                                                             {Options::Strategy::min, 2},
                                                             {Options::Strategy::max, 4}};
  for (const auto& [strategy, wanted] : cases) {
    ProfilesBuilder profiles;
    profiles.profile(7);
    profiles.sample("go, go, go, go");
    profiles.profile(7);
    profiles.sample("go, go");
    profiles.profile(8);
    profiles.sample("go");
    auto options = only({Options::frame_type});
    options.frame_type_gauge.strategy = strategy;
    Connector connector(options);
    connector->consume(profiles.out);
    EXPECT_THAT(connector.points(),
                ElementsAre("frame_type{frame_type=go, profile.type_unit=samples_count} 1",
                            "frame_type{frame_type=go, profile.type_unit=samples_count} " + std::to_string(wanted)));
  }
}

// go 3, native 1, kernel 1.
TEST(Gauges, LeavingAttributesOutMakesPointsOne) {
  const std::vector<std::pair<Options::Strategy, const char*>> cases{{Options::Strategy::avg, "frame_type 1"},
                                                                     {Options::Strategy::sum, "frame_type 5"},
                                                                     {Options::Strategy::min, "frame_type 1"},
                                                                     {Options::Strategy::max, "frame_type 3"}};
  for (const auto& [strategy, wanted] : cases) {
    ProfilesBuilder profiles;
    profiles.profile();
    profiles.sample("go, go, n:x");
    profiles.sample("k:f, go");
    auto options = only({Options::frame_type});
    options.frame_type_gauge = {strategy, std::vector<std::string>{}};
    Connector connector(options);
    connector->consume(profiles.out);
    EXPECT_THAT(connector.points(), ElementsAre(wanted));
  }
}

TEST(Gauges, EachAttributeCanBeKeptAlone) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go=a.f, go=b.f, go=b.g, jvm=void c.D.e()");
  auto options = only({Options::classification});
  auto with = [&](std::vector<std::string> attributes) {
    options.classification_gauge = {Options::Strategy::sum, std::move(attributes)};
    Connector connector(options);
    connector->consume(profiles.out);
    return connector.points();
  };
  EXPECT_THAT(with({"classification"}),
              ElementsAre("classification{classification=go} 3", "classification{classification=jvm} 1"));
  EXPECT_THAT(with({"frame_type"}), ElementsAre("classification{frame_type=a} 1", "classification{frame_type=b} 2",
                                                "classification{frame_type=c.D} 1"));
  EXPECT_THAT(with({"profile.type_unit"}), ElementsAre("classification{profile.type_unit=samples_count} 4"));
}

}  // namespace
}  // namespace splitprof
