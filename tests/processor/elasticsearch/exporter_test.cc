// SPDX-License-Identifier: Apache-2.0
//
// The whole exporter, from a batch to the requests that a server gets, with a clock that the test moves.
#include "processor/elasticsearch/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>

#include "tests/processor/elasticsearch/build_profiles.h"
#include "tests/processor/http/scripted_server.h"

namespace splitprof::elasticsearch {
namespace {

using http::answer;
using http::ScriptedServer;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr uint64_t kSecondNs = 1'000'000'000;

// A folder of this process's own.
class Folder {
 public:
  Folder() {
    std::string path = std::filesystem::temp_directory_path() / "splitprof-exporter-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Every document gets the same status, 201 unless the test changes it.
struct Server {
  std::atomic<int> status = 201;
  std::atomic<bool> set_up = true;
  ScriptedServer http{[this](const auto& call) {
    if (call.head.starts_with("GET /_profiling"))
      return answer(200, set_up ? R"({"resources":{"created":true}})" : R"({"resources":{"created":false}})");
    if (call.head.starts_with("GET ")) return answer(404, "{}");
    std::string items;
    const auto documents = std::count(call.body.begin(), call.body.end(), '\n') / 2;
    for (long i = 0; i < documents; ++i)
      items += (i == 0 ? "" : ",") + std::string(R"({"create":{"status":)") + std::to_string(status) + "}}";
    return answer(200, R"({"items":[)" + items + "]}");
  }};

  // How many documents were sent to each index so far.
  std::map<std::string, int> documents() {
    std::map<std::string, int> found;
    for (const auto& call : http.calls()) {
      constexpr std::string_view kIndex = R"("_index":")";
      for (auto at = call.body.find(kIndex); at != std::string::npos; at = call.body.find(kIndex, at + 1)) {
        const auto begin = at + kIndex.size();
        ++found[call.body.substr(begin, call.body.find('"', begin) - begin)];
      }
    }
    return found;
  }
};

struct Bench {
  explicit Bench(const Server& server, const std::string& folder = "") : Bench(server.http.url(), folder) {}
  Bench(const std::string& url, const std::string& folder) {
    options.name = "elasticsearch";
    options.endpoints = {url};
    options.http.compression = "none";
    options.downsampled_events = false;
    options.backlog.folder = folder;
    options.queue.min_size = 1'000'000;
  }
  ElasticsearchExporter& exporter() {
    if (!exporter_) exporter_ = ElasticsearchExporter::make(options, client, now, 1).value();
    return *exporter_;
  }
  void pass(uint64_t ns) {
    now.monotonic_ns += ns;
    now.unix_ns += ns;
    do {
      exporter().tick(now);
      while (client.running() > 0) client.run(kSecondNs);
      exporter().tick(now);
    } while (client.running() > 0);
  }
  uint64_t metric(std::string_view name) {
    for (const auto& one : exporter().metrics())
      if (one.name == name) return one.value;
    ADD_FAILURE() << "no metric " << name;
    return 0;
  }
  void end() {
    exporter().stop(now, now.monotonic_ns + 10 * kSecondNs);
    for (int i = 0; i < 1000 && !exporter().finished(); ++i) {
      pass(1'000'000);
      usleep(1000);  // what is written to disk takes real time
    }
    EXPECT_TRUE(exporter().finished());
  }
  // The accounting of exporter_metrics.def.
  void expect_balance() {
    EXPECT_EQ(metric("samples_received") + metric("samples_left_before"),
              metric("samples_without_document") + metric("samples_delivered") + metric("samples_refused") +
                  metric("samples_given_up") + metric("samples_backlog_dropped") + metric("samples_backlog_damaged") +
                  metric("samples_waiting"));
  }

  ElasticsearchOptions options;
  http::Client client;
  Times now{.monotonic_ns = 1'000 * kSecondNs, .unix_ns = 1'788'000'010 * kSecondNs};

 private:
  std::unique_ptr<ElasticsearchExporter> exporter_;
};

otel::Metrics one_metric(uint64_t unix_ns) {
  otel::Metric metric{.name = "samples.user.count", .unit = "1", .kind = otel::Metric::Kind::delta_sum};
  metric.points.push_back({.start_time_ns = unix_ns - kSecondNs, .time_ns = unix_ns, .value = 7});
  otel::Metrics metrics;
  metrics.resources.push_back({.scopes = {{.scope = {"scope", "1", {}, 0}, .metrics = {metric}}}});
  return metrics;
}

TEST(ElasticsearchExporter, SendsWhatItWasHandedWhenItIsTime) {
  Server server;
  Bench bench(server);
  bench.exporter().consume(test::one_of_each_kind());
  bench.pass(9 * kSecondNs);
  EXPECT_TRUE(server.documents().empty()) << "flush_timeout is 10 s";
  bench.pass(kSecondNs);
  EXPECT_THAT(server.documents(),
              UnorderedElementsAre(Pair("profiling-events-all", 3), Pair("profiling-stacktraces", 2),
                                   Pair("profiling-stackframes", 3), Pair("profiling-executables", 2),
                                   Pair("profiling-hosts", 1), Pair("profiling-sq-leafframes", 1),
                                   Pair("profiling-sq-executables", 1)));
  EXPECT_EQ(bench.metric("samples_delivered"), 3u);
  bench.expect_balance();
  bench.exporter().consume(test::one_of_each_kind());
  bench.pass(10 * kSecondNs);
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-events-all", 6)));
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-stacktraces", 2))) << "the server has them";
  EXPECT_TRUE(bench.exporter().healthy());
}

TEST(ElasticsearchExporter, SendsAtOnceWhenThereIsEnough) {
  Server server;
  Bench bench(server);
  bench.options.queue.min_size = 100;
  bench.exporter().consume(test::one_of_each_kind());
  bench.pass(0);
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-events-all", 3)));
}

TEST(ElasticsearchExporter, WritesAgainWhatWasRefused) {
  Server server;
  Bench bench(server);
  server.status = 400;
  bench.exporter().consume(test::one_of_each_kind());
  bench.pass(10 * kSecondNs);
  EXPECT_EQ(bench.metric("samples_refused"), 3u);
  server.status = 201;
  bench.exporter().consume(test::one_of_each_kind());
  bench.pass(10 * kSecondNs);
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-stacktraces", 4)));
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-stackframes", 6)));
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-executables", 4)));
  bench.expect_balance();
}

TEST(ElasticsearchExporter, WhileProfilesWaitForTheSetUpMetricsGoOut) {
  Server server;
  server.set_up = false;
  Folder folder;
  Bench bench(server, folder.path());
  bench.exporter().consume(test::one_of_each_kind());
  bench.exporter().consume(one_metric(bench.now.unix_ns));
  bench.pass(10 * kSecondNs);
  EXPECT_THAT(server.documents(), UnorderedElementsAre(Pair("metrics-generic.otel-default", 1)));
  EXPECT_EQ(bench.metric("samples_waiting"), 3u);
  EXPECT_FALSE(bench.exporter().healthy());
  bench.expect_balance();
  server.set_up = true;
  bench.pass(600 * kSecondNs);
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-events-all", 3)));
  EXPECT_TRUE(bench.exporter().healthy());
  bench.expect_balance();
}

TEST(ElasticsearchExporter, WhatCannotBeSentIsSentByTheNextProcess) {
  Folder folder;
  {
    Bench bench("http://127.0.0.1:1", folder.path());
    bench.options.require_setup = false;
    bench.exporter().consume(test::one_of_each_kind());
    bench.exporter().consume(one_metric(bench.now.unix_ns));
    bench.end();
    EXPECT_EQ(bench.metric("samples_waiting"), 3u);
    EXPECT_EQ(bench.metric("items_given_up"), 0u);
    bench.expect_balance();
  }
  Server server;
  Bench bench(server, folder.path());
  bench.pass(0);
  bench.pass(kSecondNs);
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-events-all", 3)));
  EXPECT_THAT(server.documents(), Contains(Pair("metrics-generic.otel-default", 1)));
  EXPECT_EQ(bench.metric("samples_left_before"), 3u);
  EXPECT_EQ(bench.metric("samples_delivered"), 3u);
  bench.end();
  bench.expect_balance();
}

TEST(ElasticsearchExporter, WithoutABacklogTheEndCountsWhatIsLost) {
  Bench bench("http://127.0.0.1:1", "");
  bench.exporter().consume(test::one_of_each_kind());
  bench.end();
  EXPECT_EQ(bench.metric("samples_given_up"), 3u);
  EXPECT_EQ(bench.metric("samples_waiting"), 0u);
  bench.expect_balance();
}

TEST(ElasticsearchExporter, WritesEverythingAgainAfterSomethingWasDropped) {
  Server server;
  Bench bench(server);
  server.set_up = false;
  bench.options.queue.queue_size = 1;  // six requests, one for each kind of document
  for (int i = 0; i < 7; ++i) {        // first four, then one at a time
    bench.exporter().consume(test::one_of_each_kind());
    bench.pass(10 * kSecondNs);
  }
  EXPECT_GT(bench.metric("items_given_up"), 0u);
  server.set_up = true;
  bench.pass(600 * kSecondNs);
  EXPECT_EQ(server.documents().count("profiling-stacktraces"), 0u) << "dropped";
  bench.exporter().consume(test::one_of_each_kind());
  bench.pass(10 * kSecondNs);
  EXPECT_THAT(server.documents(), Contains(Pair("profiling-stacktraces", 2)));
  bench.expect_balance();
}

TEST(ElasticsearchExporter, ErrorsNameTheExporter) {
  Bench bench("http://127.0.0.1:1", "");
  bench.options.name = "elasticsearch/eu";
  bench.options.http.tls.ca_file = "/nonexistent/ca.pem";
  const auto made = ElasticsearchExporter::make(bench.options, bench.client, bench.now, 1);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("elasticsearch/eu: tls.ca_file: /nonexistent/ca.pem"));
}

}  // namespace
}  // namespace splitprof::elasticsearch
