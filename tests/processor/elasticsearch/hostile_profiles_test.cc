// SPDX-License-Identifier: Apache-2.0
//
// Batches that break the format, or ask for more than they should get. Each costs what is broken of it, and no more.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>

#include "tests/processor/elasticsearch/build_profiles.h"
#include "tests/processor/elasticsearch/encoded.h"

namespace splitprof::elasticsearch {
namespace {

using test::of_index;
using test::ProfilesBuilder;
using test::TestEncoder;

constexpr uint64_t kTime = 1'788'000'000'000'000'000;
constexpr int32_t kBadIndices[] = {-1, std::numeric_limits<int32_t>::min(), 1000, std::numeric_limits<int32_t>::max()};

// A good profile of one sample and a second one, which `spoil` makes bad.
template <typename Spoil>
ProfilesBuilder good_and(Spoil spoil) {
  ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profiles = builder.batch.resources.back().scopes.back().profiles;
  profiles.reserve(2);
  const auto good = builder.stack({builder.location("native", 0, 1)});
  ProfilesBuilder::sample(builder.profile(20), good, {kTime});
  spoil(builder, builder.profile(20));
  return builder;
}

struct Counted {
  size_t events = 0, traces = 0;
  ExporterMetrics metrics;
};

Counted count(const otel::Profiles& batch) {
  TestEncoder encoder;
  const auto items = encoder.encode(batch);
  return {of_index(items, "profiling-events-all").size(), of_index(items, "profiling-stacktraces").size(),
          encoder.metrics};
}

struct Unread {
  uint64_t events = 0, bytes = 0;
  ExporterMetrics metrics;
};

// Of much.
Unread count_unread(const otel::Profiles& batch) {
  Unread counted;
  Encoder encoder({}, counted.metrics, 1, [&](Message message) {
    counted.bytes += message.body.size();
    counted.events += message.samples;
  });
  encoder.encode(batch, TestEncoder::kNow);
  encoder.flush();
  return counted;
}

TEST(HostileProfiles, OneOfAnotherTypeIsLeftOutAlone) {
  const std::pair<const char*, const char*> kinds[] = {{"off_cpu", "nanoseconds"}, {"events", "count"}, {"", ""}};
  for (const auto& [type, unit] : kinds) {
    const auto counted =
        count(good_and([&, type = type, unit = unit](ProfilesBuilder& builder, otel::Profile& profile) {
                profile.sample_type = {builder.string(type), builder.string(unit)};
                ProfilesBuilder::sample(profile, 1, {kTime, kTime});
              }).batch);
    EXPECT_EQ(counted.events, 1u) << type;
    EXPECT_EQ(counted.metrics.profiles_unsupported, 1u);
    EXPECT_EQ(counted.metrics.samples_received, 3u);
    EXPECT_EQ(counted.metrics.samples_without_document, 2u);
  }
}

TEST(HostileProfiles, TypesAreComparedWithoutCase) {
  const auto counted = count(good_and([](ProfilesBuilder& builder, otel::Profile& profile) {
                               profile.sample_type = {builder.string("Samples"), builder.string("COUNT")};
                               profile.period_type = {builder.string("CPU"), builder.string("Nanoseconds")};
                               ProfilesBuilder::sample(profile, 1, {kTime});
                             }).batch);
  EXPECT_EQ(counted.events, 2u);
  EXPECT_EQ(counted.metrics.profiles_unsupported, 0u);
}

TEST(HostileProfiles, OneWithoutFrameTypesIsLeftOutAlone) {
  const auto counted = count(good_and([](ProfilesBuilder& builder, otel::Profile& profile) {
                               ProfilesBuilder::sample(profile, 1, {kTime});
                               ProfilesBuilder::sample(profile, builder.stack({builder.location("", 0, 7)}), {kTime});
                             }).batch);
  EXPECT_EQ(counted.events, 1u);
  EXPECT_EQ(counted.traces, 1u);
  EXPECT_EQ(counted.metrics.profiles_unsupported, 1u);
  EXPECT_EQ(counted.metrics.samples_without_document, 2u);
}

TEST(HostileProfiles, StacksThatAreNotThereMakeNoEvent) {
  for (const int32_t bad : kBadIndices) {
    const auto counted = count(good_and([bad](ProfilesBuilder&, otel::Profile& profile) {
                                 ProfilesBuilder::sample(profile, bad, {kTime, kTime});
                                 ProfilesBuilder::sample(profile, 0, {kTime});
                                 ProfilesBuilder::sample(profile, 1, {});
                               }).batch);
    EXPECT_EQ(counted.events, 1u) << bad;
    EXPECT_EQ(counted.metrics.samples_received, 5u);
    EXPECT_EQ(counted.metrics.samples_without_document, 4u);
    EXPECT_EQ(counted.metrics.profiles_unsupported, 0u);
  }
}

TEST(HostileProfiles, LocationsThatAreNotThereAreSkipped) {
  for (const int32_t bad : kBadIndices) {
    TestEncoder encoder;
    const auto items = encoder.encode(good_and([bad](ProfilesBuilder& builder, otel::Profile& profile) {
                                        const auto lost = builder.location("native", bad, 99);
                                        const auto found = builder.location("native", 0, 1);
                                        ProfilesBuilder::sample(profile, builder.stack({bad, found, lost}), {kTime});
                                        ProfilesBuilder::sample(profile, builder.stack({bad, lost}), {kTime});
                                      }).batch);
    const auto events = of_index(items, "profiling-events-all");
    ASSERT_EQ(events.size(), 2u) << bad;
    EXPECT_EQ(events[0].document.at("Stacktrace.id"), events[1].document.at("Stacktrace.id"));
    EXPECT_EQ(encoder.metrics.samples_without_document, 1u);
  }
}

TEST(HostileProfiles, IndicesOfAllOtherTablesMayBeAnything) {
  for (const int32_t bad : kBadIndices) {
    const auto counted = count(good_and([bad](ProfilesBuilder& builder, otel::Profile& profile) {
                                 auto& dictionary = builder.batch.dictionary;
                                 const auto mapping = builder.mapping("a", "00112233445566778899aabbccddeeff");
                                 const auto place = builder.location("cpython", mapping, 0, {{"f", "g", 1, 1}});
                                 const auto stack = builder.stack({place});
                                 ProfilesBuilder::sample(profile, stack, {kTime}, {bad});
                                 profile.attributes = {bad};
                                 profile.samples.back().link = bad;
                                 dictionary.lines.back().function = bad;
                                 dictionary.functions.back() = {bad, bad, bad, 0};
                                 dictionary.mappings.back().filename = bad;
                                 dictionary.attributes.push_back({bad, {std::string("x")}, bad});
                               }).batch);
    EXPECT_EQ(counted.events, 2u) << bad;
  }
}

TEST(HostileProfiles, AnEmptyBatchMakesNothing) {
  EXPECT_EQ(TestEncoder().encode(otel::Profiles{}).size(), 0u);
  otel::Profiles batch;
  batch.resources.resize(3);
  batch.resources[1].scopes.resize(2);
  batch.resources[1].scopes[1].profiles.resize(2);
  TestEncoder encoder;
  EXPECT_EQ(encoder.encode(batch).size(), 0u);
  EXPECT_EQ(encoder.metrics.profiles_unsupported, 2u);
}

TEST(HostileProfiles, TextsThatAreNotUtf8AreReplaced) {
  const std::string bad = "x\xff\n\"\x01";
  ProfilesBuilder builder;
  builder.resource({{"host.id", {bad}}, {"service.name", {bad}}, {"host." + bad, {bad}}});
  auto& profile = builder.profile(20);
  const auto mapping = builder.mapping(bad, "00112233445566778899aabbccddeeff");
  const auto stack = builder.stack({builder.location("cpython", mapping, 3, {{bad, bad, 1, 1}})});
  builder.sample(profile, stack, {kTime}, {builder.text_attribute(otel::key::kThreadName, bad)});
  const std::string good = "x\xef\xbf\xbd\n\"\x01";
  const auto items = TestEncoder().encode(builder.batch);
  EXPECT_EQ(of_index(items, "profiling-events-all").at(0).document.at("process.thread.name"), good);
  EXPECT_EQ(of_index(items, "profiling-stackframes").at(0).document.at("Stackframe.function.name").at(0), good);
}

TEST(HostileProfiles, DeepStacksAreCutAndKnownByAllTheirFrames) {
  std::vector<std::string> ids;
  for (const size_t frames : {1023u, 5000u}) {
    ProfilesBuilder builder;
    builder.resource({{"host.id", {std::string("h")}}});
    auto& profile = builder.profile(20);
    std::vector<int32_t> locations;
    for (size_t i = 0; i < frames; ++i) locations.push_back(builder.location("native", 0, i + 1));
    builder.sample(profile, builder.stack(locations), {kTime});
    TestEncoder encoder;
    const auto items = encoder.encode(builder.batch);
    const auto traces = of_index(items, "profiling-stacktraces");
    ASSERT_EQ(traces.size(), 1u);
    const std::string text = traces[0].document.at("Stacktrace.frame.ids");
    EXPECT_EQ(text.size(), 1023u * 32);
    EXPECT_EQ(encoder.metrics.stacks_cut, frames > 1023 ? 1u : 0u);
    ids.push_back(text);
  }
  EXPECT_EQ(ids[1].substr(256 * 32), ids[0].substr(256 * 32));  // the leaf's side
  EXPECT_NE(ids[1].substr(0, 256 * 32), ids[0].substr(0, 256 * 32));
}

TEST(HostileProfiles, LongTextsAreCut) {
  const std::string text(100'000, 'x');
  ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}, {"service.name", {text}}});
  auto& profile = builder.profile(20);
  builder.sample(profile, builder.stack({builder.location("cpython", 0, 3, {{text, "f", 1, 1}})}), {kTime});
  TestEncoder encoder;
  const auto items = encoder.encode(builder.batch);
  const std::string name = of_index(items, "profiling-stackframes").at(0).document.at("Stackframe.function.name").at(0);
  EXPECT_EQ(name.size(), 32766u);
  EXPECT_EQ(encoder.metrics.texts_cut, 2u);
}

TEST(HostileProfiles, HugeValuesAreBounded) {
  const auto builder = good_and([](ProfilesBuilder&, otel::Profile& profile) {
    constexpr auto kHuge = std::numeric_limits<int64_t>::max();
    ProfilesBuilder::sample(profile, 1, {kTime, kTime, kTime}, {}, {kHuge, kHuge, kHuge});
  });
  const auto counted = count_unread(builder.batch);
  EXPECT_EQ(counted.events, (1u << 17) + 4);
  EXPECT_EQ(counted.metrics.samples_received, counted.events + counted.metrics.samples_without_document);
}

TEST(HostileProfiles, WhatOneBatchMakesIsBounded) {
  // Sixteen bytes of a sample stand for an event of 200 KB.
  const auto builder = good_and([](ProfilesBuilder& b, otel::Profile& profile) {
    b.batch.resources.back().resource.attributes.push_back({"service.name", {std::string(32766, '\x01')}});
    ProfilesBuilder::sample(profile, 1, std::vector<uint64_t>(10'000, kTime));
  });
  const auto counted = count_unread(builder.batch);
  EXPECT_LT(counted.bytes, 260u << 20);
  EXPECT_GT(counted.bytes, 250u << 20);
  EXPECT_EQ(counted.metrics.samples_received, 10'001u);
  EXPECT_EQ(counted.metrics.samples_received, counted.events + counted.metrics.samples_without_document);
}

TEST(HostileProfiles, SamplesAndProfilesWithoutEventsCostLittle) {
  const auto builder = good_and([](ProfilesBuilder& b, otel::Profile& profile) {
    b.batch.resources.back().resource.attributes.push_back({"service.name", {std::string(32766, '\x01')}});
    for (int i = 0; i < 50'000; ++i) ProfilesBuilder::sample(profile, 1, {kTime}, {}, {0});
    auto& profiles = b.batch.resources.back().scopes.back().profiles;
    const otel::Profile empty{.sample_type = profile.sample_type, .period_type = profile.period_type};
    profiles.insert(profiles.end(), 50'000, empty);
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto counted = count_unread(builder.batch);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));  // 20 GB of names otherwise
  EXPECT_EQ(counted.events, 1u);
  EXPECT_EQ(counted.metrics.samples_without_document, 50'000u);
}

TEST(HostileProfiles, NamesThatAreHashedOverAndOverCostNoMoreThanTheyMay) {
  ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const std::string text(1 << 20, 'x');
  const std::vector<ProfilesBuilder::Line> line{{text, "f", 1, 1}};
  const auto place = builder.location("cpython", 0, 0, line);
  auto& dictionary = builder.batch.dictionary;
  dictionary.lines.resize(100'000, dictionary.lines.back());  // 100 GB of names
  dictionary.locations[static_cast<size_t>(place)].lines.count = 100'000;
  builder.sample(profile, builder.stack({place}), {kTime});
  const auto begin = std::chrono::steady_clock::now();
  const auto counted = count(builder.batch);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(counted.metrics.profiles_unsupported, 1u);
}

TEST(HostileProfiles, AFramesManyLinesAreCut) {
  ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const auto place = builder.location("native", 0, 5, {{"f", "g", int64_t{1} << 40, 1}});
  auto& dictionary = builder.batch.dictionary;
  dictionary.lines.resize(5000, dictionary.lines.back());
  dictionary.locations[static_cast<size_t>(place)].lines.count = 5000;
  builder.sample(profile, builder.stack({place}), {kTime});
  const auto frames = of_index(TestEncoder().encode(builder.batch), "profiling-stackframes");
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].document.at("Stackframe.function.name").size(), 256u);
  EXPECT_EQ(frames[0].document.at("Stackframe.line.number").at(255), std::numeric_limits<int32_t>::max());
}

}  // namespace
}  // namespace splitprof::elasticsearch
