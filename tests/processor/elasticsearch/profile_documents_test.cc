// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/golden.h"
#include "tests/processor/elasticsearch/build_profiles.h"
#include "tests/processor/elasticsearch/encoded.h"

namespace splitprof::elasticsearch {
namespace {

using test::EncodedItem;
using test::Json;
using test::of_index;
using test::one_of_each_kind;
using test::TestEncoder;

constexpr uint64_t kNsPerHour = 3600ull * 1'000'000'000;

ElasticsearchOptions otel_schema() {
  ElasticsearchOptions options;
  options.profiles_schema = ElasticsearchOptions::ProfilesSchema::otel;
  return options;
}

// Sorted keys, one line each: what JSON means, not how it was written.
std::string as_text(const std::vector<EncodedItem>& items) {
  std::string text;
  for (const auto& item : items) text += item.action.dump() + "\n" + item.document.dump() + "\n";
  return text;
}

TEST(ProfileDocuments, OfEachKindInTheEcsSchema) {
  ElasticsearchOptions options;
  options.downsampled_events = false;
  test::expect_golden("elasticsearch/ecs.ndjson", as_text(TestEncoder(options).encode(one_of_each_kind())));
}

TEST(ProfileDocuments, OfEachKindInTheOtelSchema) {
  ElasticsearchOptions options = otel_schema();
  options.downsampled_events = false;
  test::expect_golden("elasticsearch/otel.ndjson", as_text(TestEncoder(options).encode(one_of_each_kind())));
}

TEST(ProfileDocuments, EventsAreAsTheServerReadsThem) {
  const auto events = of_index(TestEncoder().encode(one_of_each_kind()), "profiling-events-all");
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].document, Json::parse(R"({"ecs.version":"1.12.0","@timestamp":"2026-08-29T10:40:00.1234567Z",
      "host.id":"5f0c1d2e3b4a59687766554433221100","Stacktrace.id":"lHqPJ91UEppmCN2Kqk0hQQ","container.id":"c0ffee",
      "process.thread.name":"worker-3","process.executable.name":"python3.12","service.name":"checkout",
      "Stacktrace.sampling_frequency":19,"Stacktrace.count":1,"profiling.project.id":2,"host.name":"Node-7"})"));
  EXPECT_EQ(events[2].document.at("@timestamp"), "2026-08-29T10:40:02.5Z");
  EXPECT_EQ(events[2].document.at("process.thread.name"), "");
}

TEST(ProfileDocuments, WhatWasWrittenIsNotWrittenAgainForThreeHours) {
  TestEncoder encoder;
  const auto batch = one_of_each_kind();
  Times now = TestEncoder::kNow;
  const auto without_copies = [](std::vector<EncodedItem> items) {
    std::erase_if(items, [](const EncodedItem& item) { return item.group == Group::downsampled; });
    return items;
  };
  const auto first = without_copies(encoder.encode(batch, now));
  // 3 events, 2 traces, 3 named frames, 2 executables, a host; 1 leaf and 1 file without a name.
  EXPECT_EQ(first.size(), 13u);
  now.monotonic_ns += 3 * kNsPerHour - 1'000'000'000;
  const auto second = without_copies(encoder.encode(batch, now));
  EXPECT_EQ(second.size(), 3u);
  EXPECT_EQ(of_index(second, "profiling-events-all").size(), 3u);
  now.monotonic_ns += 2'000'000'000;
  EXPECT_EQ(without_copies(encoder.encode(batch, now)).size(), 13u);
}

TEST(ProfileDocuments, WhatWasRefusedIsWrittenAgain) {
  TestEncoder encoder;
  const auto batch = one_of_each_kind();
  for (const auto& item : encoder.encode(batch)) {
    encoder.encoder.forget(item.action_line);
    const auto again = encoder.encode(batch);
    const auto& id = item.action.begin()->value("_id", "");
    const auto same = std::ranges::count_if(again, [&](const EncodedItem& other) {
      return other.index() == item.index() && other.action.begin()->value("_id", "") == id;
    });
    if (item.index().starts_with("profiling-events")) continue;
    EXPECT_EQ(same, 1) << item.action_line;
  }
}

TEST(ProfileDocuments, ExecutablesAreCreatedWhereTheyCannotBeUpdated) {
  TestEncoder encoder;
  encoder.encoder.create_executables();
  const auto executables = of_index(encoder.encode(one_of_each_kind()), "profiling-executables");
  ASSERT_EQ(executables.size(), 2u);
  EXPECT_TRUE(executables[1].action.contains("create"));
  EXPECT_EQ(executables[1].document, Json::parse(R"({"@timestamp":1787529600,"ecs.version":"1.12.0",
      "Executable.build.id":"ABEiM0RVZneImaq7zN3u_w","Executable.file.name":"libexample.so.1"})"));
}

TEST(ProfileDocuments, QueuesCanBeSwitchedOff) {
  ElasticsearchOptions options;
  options.symbolization_queues = false;
  const auto items = TestEncoder(options).encode(one_of_each_kind());
  EXPECT_TRUE(std::ranges::none_of(
      items, [](const EncodedItem& item) { return item.index().find("-sq-") != std::string::npos; }));
}

TEST(ProfileDocuments, ErrorFramesAreNotAskedFor) {
  test::ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  builder.sample(profile, builder.stack({builder.location("abort-marker", 0, 5)}), {1'788'000'000'000'000'000});
  const auto items = TestEncoder().encode(builder.batch);
  EXPECT_EQ(of_index(items, "profiling-sq-executables").size(), 0u);
  EXPECT_EQ(of_index(items, "profiling-sq-leafframes").size(), 1u);
  EXPECT_EQ(of_index(items, "profiling-stacktraces").at(0).document.at("Stacktrace.frame.types"), "AYA");
}

TEST(ProfileDocuments, FramesOfScriptsAreToldApartByFunctionFileAndLine) {
  test::ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const std::vector<test::ProfilesBuilder::Line> places = {
      {"Server.handle", "app/server.py", 42, 0}, {"Server.handle", "app/server.py", 43, 0},
      {"Server.handle", "app/client.py", 42, 0}, {"Client.handle", "app/server.py", 42, 0},
      {"[cpython: unreadable]", "", 0, 0},       {"[cpython: ended before it was named]", "", 0, 0}};
  std::vector<int32_t> frames;
  for (const auto& place : places) frames.push_back(builder.location("cpython", 0, 0, {place}));
  // Read in another process or once more: the same functions at the same places, found by other indices.
  const auto again = builder.location("cpython", 0, 0, {places[0]});
  builder.sample(profile, builder.stack(frames), {1'788'000'000'000'000'000});
  frames[0] = again;
  builder.sample(profile, builder.stack(frames), {1'788'000'001'000'000'000});
  const auto items = TestEncoder().encode(builder.batch);

  std::map<std::string, Json> written;
  for (const auto& item : of_index(items, "profiling-stackframes"))
    EXPECT_TRUE(written.emplace(item.action.at("create").at("_id"), item.document).second);
  ASSERT_EQ(written.size(), places.size());
  const auto traces = of_index(items, "profiling-stacktraces");
  ASSERT_EQ(traces.size(), 1u) << "the same stack";
  EXPECT_EQ(traces[0].document.at("Stacktrace.frame.types"), "BgE") << "six of type 1";
  const std::string ids = traces[0].document.at("Stacktrace.frame.ids");
  ASSERT_EQ(ids.size(), 32 * places.size());
  for (size_t i = 0; i < places.size(); ++i) {  // the root's is the first
    const auto& document = written.at(ids.substr(32 * (places.size() - 1 - i), 32));
    EXPECT_EQ(document.at("Stackframe.function.name"), Json::array({places[i].function}));
    EXPECT_EQ(document.at("Stackframe.file.name"), Json::array({places[i].file}));
    EXPECT_EQ(document.at("Stackframe.line.number"), Json::array({places[i].line}));
    EXPECT_FALSE(document.contains("Stackframe.function.offset"));
  }
  EXPECT_EQ(of_index(items, "profiling-sq-leafframes").size(), 0u) << "they have their names";
  EXPECT_EQ(of_index(items, "profiling-sq-executables").size(), 0u);
  EXPECT_EQ(of_index(items, "profiling-events-all").size(), 2u);
}

TEST(ProfileDocuments, CopiesOfEventsAreInAllLevelsBelowTheirOwn) {
  test::ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const auto stack = builder.stack({builder.location("native", 0, 1)});
  std::vector<uint64_t> times;
  for (uint64_t i = 0; i < 20'000; ++i) times.push_back(1'788'000'000'000'000'000 + i);
  builder.sample(profile, stack, times);
  for (const bool otel : {false, true}) {
    const std::string suffix = otel ? ".otel-default" : "";
    std::map<std::string, std::set<std::string>> documents;  // each has a time of its own
    TestEncoder encoder(otel ? otel_schema() : ElasticsearchOptions{});
    for (auto& item : encoder.encode(builder.batch)) documents[item.index()].insert(item.document.dump());
    EXPECT_EQ(documents["profiling-events-all" + suffix].size(), times.size());
    std::string below = "profiling-events-all" + suffix;
    for (const char* number : {"01", "02", "03", "04"}) {
      const std::string level = std::string("profiling-events-5pow") + number + suffix;
      EXPECT_GT(documents[level].size(), 0u) << level;
      EXPECT_NEAR(documents[level].size(), documents[below].size() / 5.0, documents[below].size() / 12.0 + 8);
      EXPECT_TRUE(std::ranges::includes(documents[below], documents[level])) << level;
      below = level;
    }
  }
}

TEST(ProfileDocuments, AValueMakesAsManyEvents) {
  test::ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const auto stack = builder.stack({builder.location("native", 0, 1)});
  const uint64_t t = 1'788'000'000'000'000'000;
  builder.sample(profile, stack, {t, t + 1, t + 2, t + 3}, {}, {3, 0, -7});
  TestEncoder encoder;
  EXPECT_EQ(of_index(encoder.encode(builder.batch), "profiling-events-all").size(), 4u);  // 3, none, none, 1
  EXPECT_EQ(encoder.metrics.samples_received, 6u);
  EXPECT_EQ(encoder.metrics.samples_without_document, 2u);
}

TEST(ProfileDocuments, NamesMayBeTheSamples) {
  test::ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const auto stack = builder.stack({builder.location("native", 0, 1)});
  const uint64_t t = 1'788'000'000'000'000'000;
  builder.sample(
      profile, stack, {t},
      {builder.text_attribute("process.executable.name", "of-sample"), builder.text_attribute("service.name", "shop")});
  builder.sample(profile, stack, {t});
  const auto events = of_index(TestEncoder().encode(builder.batch), "profiling-events-all");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].document.at("process.executable.name"), "of-sample");
  EXPECT_EQ(events[0].document.at("service.name"), "shop");
  EXPECT_EQ(events[1].document.at("process.executable.name"), "");
  EXPECT_FALSE(events[1].document.contains("service.name"));
}

TEST(ProfileDocuments, AHostsDocumentIsAboutTheHost) {
  const auto hosts = of_index(TestEncoder().encode(one_of_each_kind()), "profiling-hosts");
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].document, Json::parse(R"({"ecs.version":"1.12.0","host.id":"5f0c1d2e3b4a59687766554433221100",
      "@timestamp":1788000010,"host.arch":"amd64","host.name":"node-7",
      "profiling.agent.config.present_cpu_cores":8,"profiling.agent.version":"0.1.0"})"));
}

TEST(ProfileDocuments, CoresAreACountOrNotThere) {
  for (const auto& value : {otel::Value{std::string("8")}, otel::Value{int64_t{-1}}, otel::Value{int64_t{1} << 40}}) {
    auto batch = one_of_each_kind();
    otel::set(batch.resources[0].resource.attributes, otel::key::kPresentCpuCores, value);
    const auto hosts = of_index(TestEncoder().encode(batch), "profiling-hosts");
    EXPECT_FALSE(hosts.at(0).document.contains(otel::key::kPresentCpuCores));
  }
}

TEST(ProfileDocuments, BodiesAreCutAtTheirLargestSize) {
  test::ProfilesBuilder builder;
  builder.resource({{"host.id", {std::string("h")}}});
  auto& profile = builder.profile(20);
  const auto stack = builder.stack({builder.location("native", 0, 1)});
  std::vector<uint64_t> times(5000, 1'788'000'000'000'000'000);
  builder.sample(profile, stack, times);
  ElasticsearchOptions options;
  options.queue.max_size = 100'000;
  TestEncoder encoder(options);
  encoder.encoder.encode(builder.batch, TestEncoder::kNow);
  EXPECT_GT(encoder.messages.size(), 10u);
  EXPECT_GT(encoder.encoder.pending_bytes(), 0u);
  encoder.encoder.flush();
  EXPECT_EQ(encoder.encoder.pending_bytes(), 0u);
  uint64_t samples = 0, items = 0;
  for (const Message& message : encoder.messages) {
    EXPECT_LE(message.body.size(), 100'000u);
    EXPECT_EQ(test::items_of(message).size(), message.items);
    samples += message.samples;
    items += message.items;
  }
  EXPECT_EQ(samples, times.size());
  EXPECT_EQ(items, encoder.metrics.items_encoded);
  EXPECT_EQ(encoder.metrics.samples_received, times.size());

  options.queue.max_size = 1;  // each document is longer than that
  TestEncoder one_by_one(options);
  const auto all = one_by_one.encode(builder.batch);
  EXPECT_EQ(of_index(all, "profiling-events-all").size(), times.size());
}

}  // namespace
}  // namespace splitprof::elasticsearch
