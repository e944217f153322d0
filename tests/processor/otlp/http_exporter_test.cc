// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/http_exporter.h"

#include <gmock/gmock.h>

#include <deque>
#include <mutex>
#include <protozero/pbf_writer.hpp>

#include "processor/http/server.h"
#include "processor/otlp/codec.h"
#include "processor/otlp/fields.h"
#include "processor/otlp/gunzip.h"
#include "processor/otlp/status.h"
#include "random_telemetry.h"
#include "received.h"

namespace splitprof::otlp {
namespace {

using testing::ElementsAre;

constexpr uint64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;

// A server that answers as it is told, and with success otherwise.
class FakeServer {
 public:
  explicit FakeServer(uint16_t port = 0) {
    auto sockets = http::listen("127.0.0.1", port);
    EXPECT_TRUE(sockets);
    port_ = sockets->port;
    std::vector<http::Route> routes;
    for (const char* path : {"/profiles", "/metrics"})
      routes.push_back({"POST", path, 64u << 20, [this](http::Call call) { return answer(std::move(call)); }});
    service_ = http::LocalService::start("fake", std::move(*sockets), std::move(routes));
  }
  uint16_t port() const { return port_; }
  std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }
  void will_answer(http::Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  std::vector<http::Call> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  // Timestamps of the first sample of each batch that was taken: they tell batches apart.
  std::vector<uint64_t> samples_taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  http::Answer answer(http::Call call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
    http::Answer out{.content_type = call.content_type};
    if (!answers_.empty()) {
      out = std::move(answers_.front());
      answers_.pop_front();
    }
    if (out.status / 100 == 2 && call.path == "/profiles") {
      const auto body = call.content_encoding == "gzip" ? *gunzip(call.body, 64u << 20) : call.body;
      const auto json = call.content_type == "application/json";
      const auto profiles = decode_profiles(body, json ? Encoding::json : Encoding::proto);
      EXPECT_TRUE(profiles);
      if (profiles) taken_.push_back(profiles->sample_count());
    }
    return out;
  }

  std::mutex mutex_;
  std::deque<http::Answer> answers_;  // guarded by mutex_, and so the next two
  std::vector<http::Call> calls_;
  std::vector<uint64_t> taken_;
  uint16_t port_ = 0;
  std::unique_ptr<http::LocalService> service_;
};

class OtlpHttpExporterTest : public testing::Test {
 protected:
  void make(OtlpHttpOptions options = {}) {
    options.name = "otlphttp";
    if (options.profiles_endpoint.empty()) options.profiles_endpoint = server_->url("/profiles");
    if (options.metrics_endpoint.empty()) options.metrics_endpoint = server_->url("/metrics");
    options.queue.queue_size = 1000;
    options.http.timeout_ns = 5 * kSecond;
    if (options.retry.max_retries == RetryOptions().max_retries) options.retry = retry();
    auto made = OtlpHttpExporter::make(options, client_, 1);
    ASSERT_TRUE(made) << made.error().message;
    exporter_ = std::move(*made);
    tick();
  }
  static RetryOptions retry(uint32_t max_retries = UINT32_MAX) {
    return {.max_retries = max_retries,
            .initial_interval_ns = 100 * kMillisecond,
            .max_interval_ns = kSecond,
            .on_status = {429, 502, 503, 504}};
  }
  BacklogOptions backlog() const { return {.folder = folder_ / "backlog"}; }
  void tick(uint64_t later_ns = 50 * kMillisecond) {
    now_ns_ += later_ns;
    exporter_->tick({.monotonic_ns = now_ns_, .unix_ns = started_unix_ns_ + now_ns_});
    client_.run(5 * kMillisecond);
  }
  // Until that is so, for at most 20 s of the exporter's time; each tick takes some of ours, too.
  template <typename Condition>
  bool run_until(const Condition& condition) {
    for (int i = 0; i < 400 && !condition(); ++i) tick();
    return condition();
  }
  uint64_t count(std::string_view name) const { return metric_of(*exporter_, name); }
  void stop(uint64_t patience_ns = 20 * kSecond) {
    exporter_->stop({.monotonic_ns = now_ns_, .unix_ns = started_unix_ns_ + now_ns_}, now_ns_ + patience_ns);
    EXPECT_TRUE(run_until([&] { return exporter_->finished(); }));
  }
  void expect_balance() const {
    EXPECT_EQ(count("samples_received") + count("samples_left_before"),
              count("samples_delivered") + count("samples_refused") + count("samples_given_up") +
                  count("samples_backlog_dropped") + count("samples_backlog_damaged") + count("samples_waiting"));
  }

  ScratchFolder folder_;
  std::unique_ptr<FakeServer> server_ = std::make_unique<FakeServer>();
  http::Client client_;
  std::unique_ptr<OtlpHttpExporter> exporter_;
  uint64_t now_ns_ = kSecond;
  // What is on disk has an age.
  const uint64_t started_unix_ns_ = static_cast<uint64_t>(time(nullptr)) * kSecond;
};

otel::Profiles batch(uint32_t samples) {
  return typical_profiles(samples, 2, 3);
}

otel::Metrics some_metrics() {
  otel::Metrics out;
  auto& metric = out.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.name = "m";
  metric.points.resize(3);
  return out;
}

TEST_F(OtlpHttpExporterTest, PostsProfilesAndMetricsToTheirEndpoints) {
  make();
  exporter_->consume(batch(7));
  exporter_->consume(some_metrics());
  exporter_->consume(otel::Profiles());  // nothing to be said
  stop();
  const auto calls = server_->calls();
  ASSERT_EQ(calls.size(), 2u);
  for (const auto& call : calls) {
    EXPECT_EQ(call.content_type, "application/x-protobuf");
    EXPECT_EQ(call.content_encoding, "gzip");
    EXPECT_EQ(*gunzip(call.body, 1 << 20),
              call.path == "/profiles" ? encode(batch(7), Encoding::proto) : encode(some_metrics(), Encoding::proto));
  }
  EXPECT_EQ(count("samples_delivered"), 7u);
  EXPECT_EQ(count("items_delivered"), 53u);  // the profiles of 50 resources, and 3 points
  expect_balance();
  EXPECT_TRUE(exporter_->healthy());
}

TEST_F(OtlpHttpExporterTest, PostsJsonAsItStandsWhenThatIsAskedFor) {
  OtlpHttpOptions options{.json = true};
  options.http.compression = "none";
  make(options);
  exporter_->consume(batch(7));
  stop();
  ASSERT_EQ(server_->calls().size(), 1u);
  EXPECT_EQ(server_->calls()[0].content_type, "application/json");
  EXPECT_EQ(server_->calls()[0].content_encoding, "");
  EXPECT_EQ(server_->calls()[0].body, encode(batch(7), Encoding::json));
}

TEST_F(OtlpHttpExporterTest, SendsAgainWhatTheServerCannotTakeForNow) {
  for (const int status : {429, 502, 503, 504}) server_->will_answer({.status = status});
  make();
  exporter_->consume(batch(7));
  EXPECT_TRUE(run_until([&] { return count("samples_delivered") == 7; }));
  EXPECT_EQ(count("requests_sent"), 5u);
  EXPECT_EQ(count("requests_retried"), 4u);
  expect_balance();
}

TEST_F(OtlpHttpExporterTest, WaitsAsLongAsTheServerAsksFor) {
  server_->will_answer({.status = 503, .headers = {{"Retry-After", "10"}}});
  make();
  exporter_->consume(batch(7));
  EXPECT_TRUE(run_until([&] { return count("requests_failed") == 1; }));
  const uint64_t refused_at_ns = now_ns_;
  EXPECT_TRUE(run_until([&] { return count("requests_sent") == 2; }));
  EXPECT_GE(now_ns_ - refused_at_ns, 10 * kSecond - 100 * kMillisecond);
}

TEST_F(OtlpHttpExporterTest, DropsWhatIsRefusedForGood) {
  server_->will_answer({.status = 400, .body = encode_status(RpcCode::invalid_argument, "no", Encoding::proto)});
  server_->will_answer({.status = 401});
  make();
  exporter_->consume(batch(7));
  EXPECT_TRUE(run_until([&] { return count("samples_refused") == 7; }));
  exporter_->consume(batch(8));
  EXPECT_TRUE(run_until([&] { return count("samples_refused") == 15; }));
  EXPECT_FALSE(exporter_->healthy());
  EXPECT_EQ(count("requests_sent"), 2u);
  exporter_->consume(batch(9));
  EXPECT_TRUE(run_until([&] { return count("samples_delivered") == 9; }));
  EXPECT_TRUE(exporter_->healthy());
  expect_balance();
}

TEST_F(OtlpHttpExporterTest, CountsWhatAPartialSuccessRejects) {
  const auto rejected = [](int64_t number) {
    std::string inner, body;
    protozero::pbf_writer(inner).add_int64(1, number);
    protozero::pbf_writer(inner).add_string(2, "too old");
    protozero::pbf_writer(body).add_message(1, inner);
    return http::Answer{.body = body};
  };
  server_->will_answer(rejected(2));
  server_->will_answer(rejected(INT64_MAX));
  server_->will_answer(rejected(-5));
  make();
  for (uint64_t i = 1; i <= 3; ++i) {
    exporter_->consume(some_metrics());
    EXPECT_TRUE(run_until([&] { return count("items_delivered") + count("items_refused") == 3 * i; }));
  }
  EXPECT_EQ(count("items_refused"), 2u + 3u);
  EXPECT_EQ(count("requests_sent"), 3u);  // none is sent again
}

TEST_F(OtlpHttpExporterTest, CountsAnswersThatAreNone) {
  server_->will_answer({.body = "\xff\xff<html>"});
  server_->will_answer({.body = std::string(5 << 20, 'x')});
  make();
  exporter_->consume(batch(7));
  EXPECT_TRUE(run_until([&] { return count("samples_delivered") == 7; }));
  exporter_->consume(batch(8));
  EXPECT_TRUE(run_until([&] { return count("samples_refused") == 8; }));
  EXPECT_EQ(count("answers_malformed"), 2u);
  expect_balance();
}

TEST_F(OtlpHttpExporterTest, GivesUpWithoutABacklogWhenItsTriesAreUsedUp) {
  for (int i = 0; i < 3; ++i) server_->will_answer({.status = 503});
  make({.retry = retry(1)});
  exporter_->consume(batch(7));
  EXPECT_TRUE(run_until([&] { return count("samples_given_up") == 7; }));
  EXPECT_EQ(count("requests_sent"), 2u);
  expect_balance();
}

TEST_F(OtlpHttpExporterTest, KeepsEverythingInOrderWhileTheServerIsAway) {
  const uint16_t port = server_->port();
  make({.backlog = backlog()});
  server_.reset();
  for (uint32_t i = 1; i <= 30; ++i) {
    exporter_->consume(batch(i));
    tick();
  }
  EXPECT_TRUE(run_until([&] { return !exporter_->healthy(); }));
  EXPECT_EQ(count("samples_waiting"), 465u);
  server_ = std::make_unique<FakeServer>(port);
  EXPECT_TRUE(run_until([&] { return count("samples_delivered") == 465; }));
  // One at a time until the first succeeds, then several at once: the first is the oldest, and none is twice.
  auto taken = server_->samples_taken();
  ASSERT_EQ(taken.size(), 30u);
  EXPECT_EQ(taken.front(), 1u);
  std::sort(taken.begin(), taken.end());
  EXPECT_EQ(std::unique(taken.begin(), taken.end()), taken.end());
  EXPECT_TRUE(exporter_->healthy());
  expect_balance();
}

TEST_F(OtlpHttpExporterTest, AnotherProcessSendsWhatOneLeftBehind) {
  const uint16_t port = server_->port();
  server_.reset();
  OtlpHttpOptions options{.profiles_endpoint = fmt::format("http://127.0.0.1:{}/profiles", port),
                          .metrics_endpoint = fmt::format("http://127.0.0.1:{}/metrics", port),
                          .backlog = backlog()};
  make(options);
  exporter_->consume(batch(7));
  exporter_->consume(batch(8));
  stop();
  EXPECT_EQ(count("samples_waiting"), 15u);
  expect_balance();
  exporter_.reset();
  server_ = std::make_unique<FakeServer>(port);
  options.json = true;  // what waits keeps its encoding
  make(options);
  EXPECT_TRUE(run_until([&] { return count("samples_delivered") == 15; }));
  EXPECT_EQ(server_->calls().at(0).content_type, "application/x-protobuf");
  EXPECT_EQ(count("samples_left_before"), 15u);
  expect_balance();
}

TEST_F(OtlpHttpExporterTest, EndsInTimeWhenTheServerIsAway) {
  make();
  server_.reset();
  exporter_->consume(batch(7));
  stop();
  EXPECT_EQ(count("samples_given_up"), 7u);
  expect_balance();
}

}  // namespace
}  // namespace splitprof::otlp
