// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/metric_documents.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/processor/elasticsearch/encoded.h"

namespace splitprof::elasticsearch {
namespace {

using test::Json;
using test::TestEncoder;

constexpr uint64_t kTime = 1'788'000'000'000'000'000, kStart = 1'787'999'970'000'000'000;
const std::string kScope = "github.com/elastic/opentelemetry-collector-components/connector/profilingmetricsconnector";

otel::Value text(const char* value) {
  return {std::string(value)};
}

otel::Metric metric(const char* name, int64_t value, otel::Attributes attributes = {},
                    otel::Metric::Kind kind = otel::Metric::Kind::delta_sum) {
  return {name, "", "1", kind, {{std::move(attributes), kStart, kTime, value}}};
}

otel::ResourceMetrics of_resource(otel::Attributes attributes, std::vector<otel::Metric> metrics) {
  return {{std::move(attributes), 0}, {{{kScope, "0.1.0", {}, 0}, std::move(metrics)}}};
}

TEST(MetricDocuments, HashesOfNames) {
  EXPECT_EQ(metric_names_hash({"metric.foo"}), "b23939f78dc5f649");
  EXPECT_EQ(metric_names_hash({"samples.kernel.count"}), "2963e6c942339a99");
  EXPECT_EQ(metric_names_hash({"samples.cpython.count", "samples.user.count"}), "863d37b9936eaa39");
}

TEST(MetricDocuments, PointsOfOneSeriesShareADocument) {
  otel::Metrics batch;
  batch.resources.push_back(of_resource({{"host.name", text("node-7")},
                                         {"service.name", text("checkout")},
                                         {"process.executable.name", text("python3.12")}},
                                        {metric("samples.user.count", 42), metric("samples.cpython.count", 42)}));
  batch.resources.push_back(of_resource({{"host.name", text("node-7")}}, {metric("samples.kernel.count", 7,
                                                                                 {{"syscall_name", text("recvfrom")},
                                                                                  {"kernel_proto", text("tcp")},
                                                                                  {"kernel_area", text("network")},
                                                                                  {"kernel_io", text("read")}})}));
  const auto items = TestEncoder().encode(batch);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].action, Json::parse(R"({"create":{"_index":"metrics-profilingmetricsconnector.otel-default",
      "dynamic_templates":{"metrics.samples.cpython.count":"gauge_long","metrics.samples.user.count":"gauge_long"}}})"));
  EXPECT_EQ(items[0].document, Json::parse(R"({"@timestamp":1788000000000,"start_timestamp":1787999970000,"unit":"1",
      "data_stream":{"type":"metrics","dataset":"profilingmetricsconnector.otel","namespace":"default"},
      "resource":{"attributes":{"host.name":"node-7","service.name":"checkout","process.executable.name":"python3.12"}},
      "scope":{"name":"github.com/elastic/opentelemetry-collector-components/connector/profilingmetricsconnector",
      "version":"0.1.0"},
      "metrics":{"samples.cpython.count":42,"samples.user.count":42},"_metric_names_hash":"863d37b9936eaa39"})"));
  EXPECT_EQ(items[1].document, Json::parse(R"({"@timestamp":1788000000000,"start_timestamp":1787999970000,"unit":"1",
      "data_stream":{"type":"metrics","dataset":"profilingmetricsconnector.otel","namespace":"default"},
      "attributes":{"kernel_area":"network","kernel_io":"read","kernel_proto":"tcp","syscall_name":"recvfrom"},
      "resource":{"attributes":{"host.name":"node-7"}},
      "scope":{"name":"github.com/elastic/opentelemetry-collector-components/connector/profilingmetricsconnector",
      "version":"0.1.0"},
      "metrics":{"samples.kernel.count":7},"_metric_names_hash":"2963e6c942339a99"})"));
}

TEST(MetricDocuments, ProcessesOfOneKindAreAddedUp) {
  otel::Metrics batch;
  int64_t total = 0;
  for (int64_t pid = 100; pid < 150; ++pid) {
    batch.resources.push_back(
        of_resource({{"process.pid", {pid}},
                     {"process.command_line", text(std::to_string(pid).c_str())},
                     {"process.environment_variable.HOME", text(std::to_string(pid).c_str())},
                     {"process.executable.name", text("cc1plus")}},
                    {metric("samples.user.count", pid),
                     metric("samples.frame_type", 2, {{"frame_type", text("native")}}, otel::Metric::Kind::gauge)}));
    total += pid;
  }
  const auto items = TestEncoder().encode(batch);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].document.at("metrics").at("samples.user.count"), total);
  EXPECT_EQ(items[1].document.at("metrics").at("samples.frame_type"), 100);
  EXPECT_EQ(items[0].document.at("resource"), Json::parse(R"({"attributes":{"process.executable.name":"cc1plus"}})"));

  ElasticsearchOptions options;
  options.keep_process_attributes = true;
  const auto apart = TestEncoder(options).encode(batch);
  EXPECT_EQ(apart.size(), 100u);
  EXPECT_EQ(apart[0].document.at("resource").at("attributes").at("process.pid"), 100);
}

TEST(MetricDocuments, TimesAreTheSameWithinAMillisecond) {
  otel::Metrics batch;
  auto one = metric("m", 1), two = metric("m", 2), later = metric("m", 4);
  two.points[0].time_ns += 999'999;
  two.points[0].start_time_ns -= 5'000'000;
  later.points[0].time_ns += 1'000'000;
  batch.resources.push_back(of_resource({}, {one, two, later}));
  const auto items = TestEncoder().encode(batch);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].document.at("metrics").at("m"), 3);
  EXPECT_EQ(items[0].document.at("start_timestamp"), 1'787'999'969'995);
  EXPECT_EQ(items[0].document.at("resource"), Json::object());
}

TEST(MetricDocuments, SumsDoNotOverflow) {
  otel::Metrics batch;
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  batch.resources.push_back(
      of_resource({}, {metric("m", kMost), metric("m", kMost), metric("n", -kMost), metric("n", -kMost)}));
  const auto items = TestEncoder().encode(batch);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].document.at("metrics").at("m"), kMost);
  EXPECT_EQ(items[0].document.at("metrics").at("n"), std::numeric_limits<int64_t>::min());
}

TEST(MetricDocuments, UnitsAndScopesMakeDocumentsOfTheirOwn) {
  otel::Metrics batch;
  auto bytes = metric("m", 1);
  bytes.unit = "By";
  batch.resources.push_back(of_resource({}, {metric("m", 1), bytes}));
  batch.resources[0].scopes.push_back({{"other", "", {{"a", text("b")}}, 2}, {metric("m", 1)}});
  const auto items = TestEncoder().encode(batch);
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[2].index(), "metrics-generic.otel-default");
  EXPECT_EQ(items[2].document.at("scope"),
            Json::parse(R"({"name":"other","attributes":{"a":"b"},"dropped_attributes_count":2})"));
}

std::string index_of(otel::Attributes point, otel::Scope scope = {}, otel::Attributes resource = {},
                     const ElasticsearchOptions& options = {}) {
  otel::Metrics batch;
  batch.resources.push_back({{std::move(resource), 0}, {{std::move(scope), {metric("m", 1, std::move(point))}}}});
  const auto items = TestEncoder(options).encode(batch);
  for (const auto& item : items) {
    for (const auto& key : {"data_stream.dataset", "elasticsearch.index"}) {
      EXPECT_FALSE(item.document.value("attributes", Json::object()).contains(key));
    }
  }
  return items.empty() ? "" : items[0].index();
}

TEST(MetricDocuments, WhereTo) {
  EXPECT_EQ(index_of({}), "metrics-generic.otel-default");
  EXPECT_EQ(index_of({{"data_stream.dataset", text("My-Set")}, {"data_stream.namespace", text("A-b c")}}),
            "metrics-my_set.otel-a-b_c");
  EXPECT_EQ(index_of({}, {}, {{"data_stream.dataset", text("res")}}), "metrics-res.otel-default");
  EXPECT_EQ(index_of({}, {"", "", {{"encoding.format", text("fmt")}}, 0}), "metrics-fmt.otel-default");
  EXPECT_EQ(index_of({}, {"example.org/receiver/hostmetricsreceiver/internal/cpu", "", {}, 0}),
            "metrics-hostmetricsreceiver.otel-default");
  EXPECT_EQ(index_of({{"elasticsearch.index", text("mine")}}), "mine");
  EXPECT_EQ(index_of({{"data_stream.dataset", {std::string(300, 'x')}}}),
            "metrics-" + std::string(95, 'x') + ".otel-default");
  ElasticsearchOptions options;
  options.metrics_index = "fixed";
  EXPECT_EQ(index_of({{"elasticsearch.index", text("mine")}}, {}, {}, options), "fixed");
}

TEST(MetricDocuments, AStaticTargetHasNoDataStream) {
  ElasticsearchOptions options;
  options.metrics_index = "fixed";
  otel::Metrics batch;
  batch.resources.push_back(of_resource({}, {metric("m", 1)}));
  EXPECT_FALSE(TestEncoder(options).encode(batch).at(0).document.contains("data_stream"));
}

TEST(MetricDocuments, WhatMakesNoDocumentIsCounted) {
  otel::Metrics batch;
  const otel::Value hints{otel::Value::Array{text("_noindex")}};
  batch.resources.push_back(
      of_resource({}, {metric("", 1), metric("m", 1, {{"elasticsearch.mapping.hints", hints}}), metric("n", 2)}));
  TestEncoder encoder;
  const auto items = encoder.encode(batch);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].document.at("metrics"), Json::parse(R"({"n":2})"));
  EXPECT_EQ(encoder.metrics.points_without_document, 2u);
}

TEST(MetricDocuments, PointsOfALargeResourceAreBounded) {
  otel::Metrics batch;
  otel::Metric libraries = metric("samples.native.count", 1);
  for (int i = 0; i < 20'000; ++i) {
    libraries.points.push_back({{{"shlib_name", {std::to_string(i)}}}, kStart, kTime, 1});
  }
  otel::Attributes large;
  for (int i = 0; i < 32; ++i) large.push_back({std::to_string(i), {std::string(32'000, 'x')}});
  batch.resources.push_back(of_resource(large, {libraries}));  // 20 GB of attributes
  uint64_t bytes = 0;
  ExporterMetrics metrics;
  Encoder encoder({}, metrics, 1, [&](const Message& message) { bytes += message.body.size(); });
  encoder.encode(batch, TestEncoder::kNow);
  encoder.flush();
  EXPECT_LT(bytes, 260u << 20);
  EXPECT_EQ(metrics.items_encoded + metrics.points_without_document, 20'001u);
}

TEST(MetricDocuments, NamesMayBeAnything) {
  otel::Metrics batch;
  const std::string bad("a\"b\n\xff\\");
  otel::Metric odd = metric(bad.c_str(), 1, {{bad, {bad}}});
  odd.unit = bad;
  batch.resources.push_back({{{{bad, {bad}}}, 0}, {{{bad, bad, {{bad, {bad}}}, 0}, {odd}}}});
  const auto items = TestEncoder().encode(batch);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].document.at("metrics").size(), 1u);
}

}  // namespace
}  // namespace splitprof::elasticsearch
