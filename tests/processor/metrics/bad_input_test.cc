// SPDX-License-Identifier: Apache-2.0
//
// Profiles that refer to what is not there: counted, never a crash, and the other samples keep their points.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processor/metrics/connector.h"

namespace splitprof {
namespace {

using test::Connector;
using test::ProfilesBuilder;
using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<int32_t> kNoIndex{-1, INT32_MIN, INT32_MAX, 1000};

// A builder with all gauges on beside the sums.
ProfilingMetricsOptions everything() {
  auto options = test::pass_through();
  options.enabled.fill(true);
  options.aggregations = {{".*", "all"}};
  return options;
}

// A location of kernel type that `change` breaks, with a good sample beside it; the counters afterwards.
template <typename Change>
ConnectorMetrics with_location(std::string_view frame, Change change, std::vector<std::string>* points = nullptr) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go");
  const int32_t location = profiles.location(frame);
  change(profiles, profiles.out.dictionary.locations.back());
  profiles.sample(profiles.stack_of({location}), 2);
  Connector connector(everything());
  connector->consume(profiles.out);
  const auto counters = connector->counters();
  Connector sums;
  sums->consume(profiles.out);
  if (points != nullptr) *points = sums.points();
  EXPECT_EQ(counters.samples_user + counters.samples_kernel + counters.samples_unclassified, 3u);
  return counters;
}

TEST(BadInput, AStackThatIsNotThereIsEmpty) {
  for (const int32_t index : kNoIndex) {
    ProfilesBuilder profiles;
    profiles.profile();
    profiles.sample(index);
    profiles.sample("go");
    Connector connector(everything());
    connector->consume(profiles.out);
    EXPECT_EQ(connector->counters().samples_without_stack, 1u);
    EXPECT_EQ(connector->counters().samples_user, 1u);
  }
}

TEST(BadInput, WithoutAnyTableThereIsNothing) {
  otel::Profiles profiles;
  auto& profile = profiles.resources.emplace_back().scopes.emplace_back().profiles.emplace_back();
  profile.samples.resize(3);
  Connector connector(everything());
  connector->consume(profiles);
  EXPECT_THAT(connector.points(), IsEmpty());
  EXPECT_EQ(connector->counters().samples_of_other_kinds, 3u);
}

TEST(BadInput, AMissingLocationEndsTheWalk) {
  for (const int32_t index : kNoIndex) {
    ProfilesBuilder profiles;
    const int32_t kernel = profiles.location("k:tcp_push");
    profiles.profile();
    profiles.sample(profiles.stack_of({index, kernel}), 2);
    profiles.sample(profiles.stack_of({kernel, index, kernel}), 3);
    Connector connector;
    connector->consume(profiles.out);
    EXPECT_THAT(connector.points(), ElementsAre("kernel{kernel_area=network, kernel_proto=tcp, kernel_io=write} 3"));
    EXPECT_EQ(connector->counters().ended_at_missing_location, 5u);
    EXPECT_EQ(connector->counters().samples_unclassified, 2u);
  }
}

TEST(BadInput, AMissingAttributeBeforeTheTypeEndsTheWalk) {
  for (const int32_t index : kNoIndex) {
    const auto counters = with_location("k:f", [&](ProfilesBuilder& profiles, otel::Location& location) {
      auto& indices = profiles.out.dictionary.indices;
      const int32_t type = indices[location.attributes.begin];
      location.attributes = {static_cast<uint32_t>(indices.size()), 2};
      indices.insert(indices.end(), {index, type});
    });
    EXPECT_EQ(counters.ended_at_missing_attribute, 2u);
  }
  const auto counters = with_location("k:f", [&](ProfilesBuilder& profiles, otel::Location& location) {
    auto& indices = profiles.out.dictionary.indices;
    const int32_t type = indices[location.attributes.begin];
    location.attributes = {static_cast<uint32_t>(indices.size()), 2};
    indices.insert(indices.end(), {type, -1});
  });
  EXPECT_EQ(counters.ended_at_missing_attribute, 0u) << "behind the type nothing is looked at";
  EXPECT_EQ(counters.samples_kernel, 2u);
}

TEST(BadInput, AMissingKeyEndsTheWalk) {
  for (const int32_t index : kNoIndex) {
    const auto counters = with_location("go", [&](ProfilesBuilder& profiles, otel::Location&) {
      profiles.out.dictionary.attributes.back().key = index;
    });
    EXPECT_EQ(counters.ended_at_missing_key, 2u);
  }
}

TEST(BadInput, ATypeThatIsNoTextIsUnknown) {
  const auto counters = with_location("go", [&](ProfilesBuilder& profiles, otel::Location&) {
    profiles.out.dictionary.attributes.back().value = otel::Value{int64_t{1}};
  });
  EXPECT_EQ(counters.ended_at_unknown_frame_type, 2u);
}

TEST(BadInput, AMissingMappingOrFileLeavesTheLibraryOut) {
  for (const int32_t index : kNoIndex)
    for (const bool mapping : {false, true}) {
      std::vector<std::string> points;
      const auto counters = with_location(
          "n:libc.so.6",
          [&](ProfilesBuilder& profiles, otel::Location& location) {
            if (mapping)
              location.mapping = index;
            else
              profiles.out.dictionary.mappings.back().filename = index;
          },
          &points);
      EXPECT_EQ(counters.names_missing, 1u);
      EXPECT_THAT(points, ElementsAre("go 1", "native 2", "user 3"));
    }
}

TEST(BadInput, AMissingFunctionOrNameIsNoName) {
  for (const int32_t index : kNoIndex)
    for (const bool function : {false, true}) {
      std::vector<std::string> points;
      const auto counters = with_location(
          "kernel=tcp_push;schedule",
          [&](ProfilesBuilder& profiles, otel::Location& location) {
            auto& dictionary = profiles.out.dictionary;
            auto& line = dictionary.lines[location.lines.begin];
            if (function)
              line.function = index;
            else
              dictionary.functions[static_cast<size_t>(line.function)].name = index;
          },
          &points);
      EXPECT_EQ(counters.names_missing, 1u);
      EXPECT_THAT(points, ElementsAre("go 1", "kernel{kernel_area=synchronization} 2", "user 1")) << "the next line";
    }
}

TEST(BadInput, AKindThatIsNoStringIsNoSamples) {
  for (const int32_t index : kNoIndex) {
    ProfilesBuilder profiles;
    auto& profile = profiles.profile();
    profiles.sample("go");
    profile.sample_type = {index, index};
    auto options = test::pass_through();
    options.enabled[ProfilingMetricsOptions::frame_type] = true;
    Connector connector(options);
    connector->consume(profiles.out);
    EXPECT_THAT(connector.points(), ElementsAre("frame_type{frame_type=go, profile.type_unit=_} 1"));
  }
}

// Many profiles that share one long stack of many classes: time and memory stay bounded, and the sums are complete.
TEST(BadInput, GaugesOfOneBatchAreBounded) {
  constexpr int kClasses = 5000, kProfiles = 500;
  ProfilesBuilder profiles;
  std::vector<int32_t> locations;
  for (int i = 0; i < kClasses; ++i) locations.push_back(profiles.location("go=p" + std::to_string(i) + ".f"));
  const int32_t stack = profiles.stack_of(locations);
  for (int i = 0; i < kProfiles; ++i) {
    profiles.profile(static_cast<uint64_t>(i));
    profiles.sample(stack);
  }
  auto options = test::pass_through();
  options.enabled[ProfilingMetricsOptions::classification] = true;
  Connector connector(options);
  connector->consume(profiles.out);
  const auto& counters = connector->counters();
  EXPECT_EQ(counters.samples_user, uint64_t{kProfiles});
  EXPECT_GT(counters.gauge_points_dropped, 0u);
  EXPECT_EQ(counters.points_emitted, (1u << 20) + 2 * kProfiles);
}

}  // namespace
}  // namespace splitprof
