// SPDX-License-Identifier: Apache-2.0
//
// The sender against a server that says what each test wants, with a clock that the test moves.
#include "processor/elasticsearch/bulk_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "processor/elasticsearch/bulk_body.h"
#include "processor/elasticsearch/checks.h"
#include "tests/processor/http/scripted_server.h"

namespace splitprof::elasticsearch {
namespace {

using http::answer;
using http::ScriptedServer;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kMillisecondNs = 1'000'000, kSecondNs = 1'000'000'000;

Message message(Group group, int documents, int first = 0) {
  std::vector<std::string> lines;
  for (int i = first; i < first + documents; ++i) {
    lines.push_back(R"({"create":{"_id":")" + std::to_string(i) + R"(","_index":"x"}})");
    lines.push_back(R"({"n":)" + std::to_string(i) + "}");
  }
  std::vector<BulkItem> items;
  for (size_t i = 0; i < lines.size(); i += 2) items.push_back({lines[i], lines[i + 1]});
  return message_of(static_cast<uint16_t>(group), items);
}

size_t documents_of(const std::string& body) {
  return static_cast<size_t>(std::count(body.begin(), body.end(), '\n')) / 2;
}

// 201 for each document of `body`; another status where `status` says so, by the document's place.
std::string outcomes(
    const std::string& body, const std::function<int(size_t)>& status = [](size_t) { return 201; },
    const std::string& type = "some_exception") {
  std::string list;
  const size_t documents = documents_of(body);
  for (size_t i = 0; i < documents; ++i) {
    const int code = status(i);
    list += (i == 0 ? "" : ",") + std::string(R"({"create":{"_index":"x","status":)") + std::to_string(code);
    list += code <= 201 ? "}}" : R"(,"error":{"type":")" + type + R"(","reason":"why"}}})";
  }
  return answer(200, R"({"items":[)" + list + "]}");
}

struct Bench {
  explicit Bench(ScriptedServer::Script script, bool with_backlog = true) : server(std::move(script)) {
    options.name = "elasticsearch";
    options.endpoints = {server.url()};
    options.http.compression = "none";
    options.http.timeout_ns = 5 * kSecondNs;
    has_backlog = with_backlog;
  }
  BulkSender& sender() {
    if (!sender_) {
      prepared = std::move(http::Server::prepare(options.http)).value();
      sender_.emplace(BulkSender::Parts{options, client, *prepared, outbox, metrics}, has_backlog, 1);
      sender_->on_refused = [this](std::string_view action) { refused.emplace_back(action); };
    }
    return *sender_;
  }
  // Ticks until nothing is under way on the wire.
  void settle() {
    do {
      sender().tick(now);
      while (client.running() > 0) client.run(kSecondNs);
      sender().tick(now);
    } while (client.running() > 0);
  }
  void pass(uint64_t ns) {
    now.monotonic_ns += ns;
    settle();
  }

  ScriptedServer server;
  ElasticsearchOptions options;
  bool has_backlog;
  http::Client client;
  ExporterMetrics metrics;
  Outbox outbox{{}, nullptr, metrics};
  std::unique_ptr<http::Server> prepared;
  std::vector<std::string> refused;
  Times now{.monotonic_ns = 1'000 * kSecondNs, .unix_ns = 1};

 private:
  std::optional<BulkSender> sender_;
};

TEST(BulkSender, SendsAndCounts) {
  Bench bench([](const auto& call) { return outcomes(call.body); });
  bench.options.pipeline = "my pipe";
  bench.options.include_source_on_error = false;
  bench.options.query = "routing=a";
  bench.outbox.put(message(Group::events, 3));
  bench.outbox.put(message(Group::stacktraces, 2));
  bench.settle();
  EXPECT_TRUE(bench.outbox.empty());
  EXPECT_TRUE(bench.sender().healthy());
  EXPECT_EQ(bench.metrics.items_delivered, 5u);
  EXPECT_EQ(bench.metrics.samples_delivered, 3u);
  EXPECT_EQ(bench.metrics.requests_sent, 2u);
  const auto calls = bench.server.calls();
  const auto events = calls[0].body.size() > calls[1].body.size() ? calls[0] : calls[1];
  EXPECT_THAT(events.head, HasSubstr("POST /_bulk?filter_path=items.*._index,items.*.status,items.*.failure_store,"
                                     "items.*.error.type,items.*.error.reason&require_data_stream=true&pipeline="
                                     "my%20pipe&include_source_on_error=false&routing=a HTTP/1.1\r\n"));
  EXPECT_THAT(events.head, HasSubstr("X-Elastic-Event-Count: 3\r\n"));
  EXPECT_THAT(events.head, HasSubstr("X-Elastic-Uncompressed-Request-Length: " + std::to_string(events.body.size())));
  const auto traces = calls[0].body.size() > calls[1].body.size() ? calls[1] : calls[0];
  EXPECT_THAT(traces.head, Not(HasSubstr("require_data_stream")));
}

TEST(BulkSender, AsksForTheStatusesWhateverTheConfigurationFilters) {
  Bench bench([](const auto& call) { return outcomes(call.body); });
  bench.options.bulk_response_filter_path = "took";
  bench.outbox.put(message(Group::metrics, 1));
  bench.settle();
  EXPECT_THAT(bench.server.calls().at(0).head, HasSubstr("filter_path=took,items.*.status&"));
}

TEST(BulkSender, SendsOnlyWhatTheServerCouldNotTakeAgain) {
  Bench bench([](const auto& call) {
    return outcomes(call.body, [&](size_t i) { return call.number == 0 && i % 3 == 2 ? 429 : 201; });
  });
  bench.outbox.put(message(Group::events, 9));
  bench.settle();
  EXPECT_EQ(bench.metrics.samples_delivered, 6u);
  EXPECT_EQ(bench.metrics.items_retried, 3u);
  EXPECT_EQ(bench.server.calls().size(), 1u) << "it waits";
  bench.pass(49 * kMillisecondNs);
  EXPECT_EQ(bench.server.calls().size(), 1u) << "at least half of 100 ms";
  bench.pass(51 * kMillisecondNs);
  ASSERT_EQ(bench.server.calls().size(), 2u);
  EXPECT_EQ(bench.server.calls()[1].body,
            message(Group::events, 1, 2).body + message(Group::events, 1, 5).body + message(Group::events, 1, 8).body);
  EXPECT_EQ(bench.metrics.samples_delivered, 9u);
  EXPECT_TRUE(bench.outbox.empty());
}

TEST(BulkSender, GivesSingleDocumentsUpAfterTheLastRetryWhereThereIsNoBacklog) {
  Bench bench([](const auto& call) { return outcomes(call.body, [](size_t i) { return i == 0 ? 429 : 201; }); }, false);
  bench.outbox.put(message(Group::events, 2));
  for (int i = 0; i < 20; ++i) bench.pass(kSecondNs);
  EXPECT_EQ(bench.server.calls().size(), 3u);
  EXPECT_EQ(bench.metrics.samples_delivered, 1u);
  EXPECT_EQ(bench.metrics.samples_given_up, 1u);
  EXPECT_EQ(bench.refused.size(), 1u);
  EXPECT_TRUE(bench.outbox.empty());
}

TEST(BulkSender, WithABacklogNothingIsGivenUp) {
  bool well = false;
  Bench bench([&](const auto& call) { return outcomes(call.body, [&](size_t) { return well ? 201 : 429; }); });
  bench.outbox.put(message(Group::events, 2));
  for (int i = 0; i < 10; ++i) bench.pass(kSecondNs);
  EXPECT_EQ(bench.server.calls().size(), 3u) << "then it waits for max_interval";
  well = true;
  bench.pass(60 * kSecondNs);
  EXPECT_TRUE(bench.outbox.empty());
  EXPECT_EQ(bench.metrics.samples_delivered, 2u);
  EXPECT_EQ(bench.metrics.items_given_up, 0u);
}

TEST(BulkSender, DocumentsThatAreKnownAreDone) {
  Bench bench([](const auto& call) {
    return outcomes(
        call.body, [](size_t) { return 409; }, "version_conflict_engine_exception");
  });
  bench.outbox.put(message(Group::stacktraces, 2));
  bench.settle();
  EXPECT_EQ(bench.metrics.items_delivered, 2u);
  EXPECT_EQ(bench.metrics.items_known, 2u);
  EXPECT_TRUE(bench.refused.empty());
}

TEST(BulkSender, MetricsThatClashAreRefused) {
  Bench bench([](const auto& call) {
    return outcomes(
        call.body, [](size_t i) { return i == 0 ? 409 : 400; }, "timestamp_error");
  });
  bench.outbox.put(message(Group::metrics, 2));
  bench.settle();
  EXPECT_EQ(bench.metrics.items_refused, 2u);
  EXPECT_EQ(bench.metrics.items_conflicting, 1u);
  EXPECT_EQ(bench.metrics.items_refused_too_old, 2u);
  EXPECT_TRUE(bench.outbox.empty());
}

TEST(BulkSender, MetricsThatClashWithThemselvesAreDelivered) {
  Bench bench([](const auto& call) -> std::string {
    if (call.number == 0) return "";  // stored, and the answer is lost
    return outcomes(call.body, [](size_t) { return 409; });
  });
  bench.outbox.put(message(Group::metrics, 1));
  bench.settle();
  bench.pass(kSecondNs);
  EXPECT_EQ(bench.metrics.items_known, 1u);
  EXPECT_EQ(bench.metrics.items_refused, 0u);
}

TEST(BulkSender, TellsWhichDocumentsWereRefused) {
  Bench bench([](const auto& call) { return outcomes(call.body, [](size_t i) { return i == 1 ? 400 : 201; }); });
  bench.outbox.put(message(Group::stackframes, 3));
  bench.settle();
  EXPECT_EQ(bench.refused, std::vector<std::string>{R"({"create":{"_id":"1","_index":"x"}})"});
  EXPECT_EQ(bench.metrics.items_refused, 1u);
}

TEST(BulkSender, LearnsThatExecutablesCannotBeUpdated) {
  Bench bench([](const auto& call) {
    return outcomes(
        call.body, [](size_t) { return 400; }, "illegal_argument_exception");
  });
  auto update = message(Group::executables, 1);
  update.body.replace(2, 6, "update");
  bench.outbox.put(update);
  int learnt = 0;
  bench.sender().on_executables_not_updatable = [&] { ++learnt; };
  bench.settle();
  EXPECT_EQ(learnt, 1);
  EXPECT_EQ(bench.refused.size(), 1u) << "so that the next batch creates it";
}

TEST(BulkSender, HalvesWhatIsTooLargeUntilItFits) {
  Bench bench([](const auto& call) { return documents_of(call.body) > 2 ? answer(413, "") : outcomes(call.body); });
  bench.outbox.put(message(Group::events, 8));
  bench.settle();
  EXPECT_EQ(bench.metrics.samples_delivered, 8u);
  EXPECT_EQ(bench.metrics.requests_split, 3u);
  EXPECT_TRUE(bench.outbox.empty());
  const auto before = bench.metrics.requests_sent;
  bench.outbox.put(message(Group::events, 8));  // it remembers
  bench.settle();
  EXPECT_EQ(bench.metrics.requests_sent - before, 4u);
  EXPECT_EQ(bench.metrics.samples_delivered, 16u);
}

TEST(BulkSender, ADocumentThatIsTooLargeAloneIsRefused) {
  Bench bench([](const auto& call) {
    return call.body.find("\"n\":1") != std::string::npos ? answer(413, "") : outcomes(call.body);
  });
  bench.outbox.put(message(Group::events, 3));
  bench.settle();
  EXPECT_EQ(bench.metrics.samples_delivered, 2u);
  EXPECT_EQ(bench.metrics.samples_refused, 1u);
  EXPECT_TRUE(bench.outbox.empty());
}

TEST(BulkSender, HalvesABodyWhoseConnectionsAreCut) {
  Bench bench([](const auto& call) { return call.body.size() > 1'000'000 ? "" : outcomes(call.body); });
  bench.options.retry.max_retries = 5;
  bench.outbox.put(message(Group::events, 30'000));
  for (int i = 0; i < 10; ++i) bench.pass(60 * kSecondNs);
  EXPECT_EQ(bench.metrics.samples_delivered, 30'000u);
  EXPECT_EQ(bench.metrics.requests_split, 1u);
}

TEST(BulkSender, AWholeRequestIsSentAgainAsTheServerAsksFor) {
  Bench bench(
      [](const auto& call) { return call.number == 0 ? answer(429, "", "Retry-After: 7\r\n") : outcomes(call.body); });
  bench.outbox.put(message(Group::events, 1));
  bench.settle();
  bench.pass(6 * kSecondNs);
  EXPECT_EQ(bench.server.calls().size(), 1u);
  bench.pass(kSecondNs);
  EXPECT_EQ(bench.server.calls().size(), 2u);
  EXPECT_EQ(bench.metrics.requests_retried, 1u);
  EXPECT_EQ(bench.metrics.samples_delivered, 1u);
}

TEST(BulkSender, OtherRefusalsOfAWholeRequestEndIt) {
  Bench bench([](const auto&) { return answer(400, R"({"error":{"type":"illegal_argument_exception"}})"); });
  bench.outbox.put(message(Group::events, 2));
  bench.settle();
  EXPECT_EQ(bench.metrics.samples_refused, 2u);
  EXPECT_EQ(bench.metrics.requests_failed, 1u);
  EXPECT_EQ(bench.refused.size(), 2u);
  EXPECT_TRUE(bench.outbox.empty());
  EXPECT_TRUE(bench.sender().healthy());
}

TEST(BulkSender, WithoutRightsItIsUnhealthyAndDoesNotBeg) {
  for (const int status : {301, 401, 403, 404}) {
    SCOPED_TRACE(status);
    std::atomic<bool> well = false;
    Bench bench([&](const auto& call) { return well ? outcomes(call.body) : answer(status, ""); });
    for (int i = 0; i < 5; ++i) bench.outbox.put(message(Group::events, 1));
    bench.options.queue.num_consumers = 1;
    bench.settle();
    EXPECT_FALSE(bench.sender().healthy());
    for (int i = 0; i < 100; ++i) bench.pass(290 * kMillisecondNs);
    EXPECT_EQ(bench.server.calls().size(), 1u) << "half of max_interval has not passed";
    well = true;
    bench.pass(60 * kSecondNs);
    EXPECT_TRUE(bench.sender().healthy());
    EXPECT_EQ(bench.metrics.samples_delivered, 5u);
    EXPECT_TRUE(bench.outbox.empty());
  }
}

TEST(BulkSender, AnswersThatCannotBeReadLoseNothing) {
  for (const std::string bad : {"<html>", "", "{\"items\":[]}", "{\"items\":[{\"create\":{\"status\":201}}"}) {
    SCOPED_TRACE(bad);
    Bench bench([&](const auto& call) { return call.number < 5 ? answer(200, bad) : outcomes(call.body); });
    bench.outbox.put(message(Group::events, 2));
    bench.settle();
    for (int i = 0; i < 20; ++i) bench.pass(60 * kSecondNs);
    EXPECT_EQ(bench.metrics.answers_malformed, 5u);
    EXPECT_EQ(bench.metrics.samples_delivered, 2u);
    EXPECT_TRUE(bench.outbox.empty());
  }
}

TEST(BulkSender, WhileTheServerIsAwayOneRequestAtATimeAsksForIt) {
  Bench bench([](const auto&) { return ""; });
  bench.options.endpoints = {"http://127.0.0.1:1"};
  for (int i = 0; i < 5; ++i) bench.outbox.put(message(Group::events, 1));
  bench.settle();
  EXPECT_EQ(bench.metrics.requests_sent, 5u) << "nobody knew";
  EXPECT_TRUE(bench.sender().idle()) << "no body is kept in memory by the sender";
  bench.pass(100 * kMillisecondNs);
  EXPECT_EQ(bench.metrics.requests_sent, 6u);
  const auto before = bench.metrics.requests_sent;
  for (int i = 0; i < 600; ++i) bench.pass(kSecondNs);
  EXPECT_LT(bench.metrics.requests_sent - before, 40u) << "waits grow to a minute";
  EXPECT_FALSE(bench.sender().healthy());
  EXPECT_EQ(bench.metrics.items_given_up, 0u);
}

TEST(BulkSender, WithoutABacklogRetriesEnd) {
  Bench bench([](const auto&) { return ""; }, false);
  bench.outbox.put(message(Group::events, 3));
  for (int i = 0; i < 10; ++i) bench.pass(kSecondNs);
  EXPECT_EQ(bench.server.calls().size(), 3u);
  EXPECT_EQ(bench.metrics.samples_given_up, 3u);
  EXPECT_EQ(bench.refused.size(), 3u);
  EXPECT_TRUE(bench.outbox.empty());
}

TEST(BulkSender, RetriesCanBeSwitchedOff) {
  Bench bench([](const auto&) { return answer(429, ""); });
  bench.options.retry.enabled = false;
  bench.outbox.put(message(Group::events, 3));
  for (int i = 0; i < 10; ++i) bench.pass(kSecondNs);
  EXPECT_EQ(bench.server.calls().size(), 1u);
  EXPECT_EQ(bench.metrics.samples_given_up, 3u);
}

TEST(BulkSender, ADeadEndpointIsPassedOver) {
  Bench bench([](const auto& call) { return outcomes(call.body); });
  bench.options.endpoints = {"http://127.0.0.1:1", bench.server.url()};
  for (int i = 0; i < 10; ++i) {
    bench.outbox.put(message(Group::events, 1));
    bench.pass(kSecondNs);
  }
  bench.pass(kSecondNs);
  EXPECT_EQ(bench.metrics.samples_delivered, 10u);
  EXPECT_EQ(bench.metrics.requests_failed, 1u);
}

TEST(BulkSender, AtItsEndItWaitsForNoBackOff) {
  Bench bench([](const auto& call) { return call.number == 0 ? answer(429, "") : outcomes(call.body); });
  bench.outbox.put(message(Group::events, 1));
  bench.outbox.put(message(Group::events, 1));
  bench.options.queue.num_consumers = 1;
  bench.settle();
  bench.sender().stop(bench.now, bench.now.monotonic_ns + kSecondNs);
  bench.settle();
  EXPECT_TRUE(bench.sender().finished());
  EXPECT_EQ(bench.metrics.samples_delivered, 2u);
}

TEST(BulkSender, AtItsEndAServerThatIsAwayIsAskedOnce) {
  Bench bench([](const auto&) { return ""; });
  bench.options.endpoints = {"http://127.0.0.1:1"};
  bench.options.queue.num_consumers = 1;
  for (int i = 0; i < 3; ++i) bench.outbox.put(message(Group::events, 1));
  bench.settle();
  bench.sender().stop(bench.now, bench.now.monotonic_ns + kSecondNs);
  bench.settle();
  EXPECT_TRUE(bench.sender().finished());
  EXPECT_EQ(bench.metrics.requests_sent, 2u);
  EXPECT_FALSE(bench.outbox.empty()) << "left to the backlog";
  EXPECT_EQ(bench.metrics.items_given_up, 0u);
}

TEST(BulkSender, AtTheDeadlineWhatIsUnderWayIsGivenBackOrUp) {
  for (const bool with_backlog : {true, false}) {
    SCOPED_TRACE(with_backlog);
    Bench bench(
        [](const auto& call) {
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          return outcomes(call.body);
        },
        with_backlog);
    bench.outbox.put(message(Group::events, 2));
    bench.outbox.put(message(Group::events, 3));
    bench.options.queue.num_consumers = 1;
    bench.sender().tick(bench.now);
    bench.sender().stop(bench.now, bench.now.monotonic_ns + kSecondNs);
    bench.client.run(kMillisecondNs);
    bench.now.monotonic_ns += kSecondNs;
    bench.sender().tick(bench.now);
    EXPECT_TRUE(bench.sender().finished());
    EXPECT_EQ(bench.client.running(), 0u);
    EXPECT_EQ(bench.outbox.empty(), !with_backlog);
    EXPECT_EQ(bench.metrics.samples_given_up, with_backlog ? 0u : 5u);
  }
}

TEST(BulkSender, ABodyThatIsNoneIsCountedAndDropped) {
  Bench bench([](const auto& call) { return outcomes(call.body); });
  auto bad = message(Group::events, 2);
  bad.items = 3;
  bench.outbox.put(bad);
  bench.outbox.put(message(Group::events, 1));
  bench.settle();
  EXPECT_EQ(bench.metrics.items_given_up, 3u);
  EXPECT_EQ(bench.metrics.samples_delivered, 1u);
  EXPECT_TRUE(bench.outbox.empty());
}

struct ChecksBench {
  explicit ChecksBench(ScriptedServer::Script script) : server(std::move(script)) {
    options.name = "elasticsearch";
    options.endpoints = {server.url("/prefix")};
    prepared = std::move(http::Server::prepare(options.http)).value();
  }
  Checks& checks() {
    if (!checks_) checks_.emplace(options, client, *prepared, 1);
    return *checks_;
  }
  void pass(uint64_t ns) {
    now.monotonic_ns += ns;
    checks().tick(now);
    while (client.running() > 0) client.run(kSecondNs);
    checks().tick(now);
  }
  size_t asked(const std::string& path) {
    const auto calls = server.calls();
    return static_cast<size_t>(std::count_if(
        calls.begin(), calls.end(), [&](const auto& call) { return call.head.find("GET " + path + " ") == 0; }));
  }
  ScriptedServer server;
  ElasticsearchOptions options;
  http::Client client;
  std::unique_ptr<http::Server> prepared;
  Times now{.monotonic_ns = 1, .unix_ns = 1};

 private:
  std::optional<Checks> checks_;
};

TEST(Checks, HoldProfilesUntilTheServerIsSetUpForThem) {
  std::atomic<bool> created = false;
  ChecksBench bench([&](const auto&) {
    return answer(200, created ? R"({"resources":{"created":true}})" : R"({"resources":{"created":false}})");
  });
  bench.pass(0);
  EXPECT_EQ(bench.asked("/prefix/_profiling/status"), 0u) << "no profiles are expected";
  bench.checks().expect_profiles();
  bench.pass(0);
  EXPECT_FALSE(bench.checks().profiles_may_go());
  created = true;
  bench.pass(599 * kSecondNs);
  EXPECT_FALSE(bench.checks().profiles_may_go());
  bench.pass(kSecondNs);
  EXPECT_TRUE(bench.checks().profiles_may_go());
  bench.pass(6000 * kSecondNs);
  EXPECT_EQ(bench.asked("/prefix/_profiling/status"), 2u);
}

TEST(Checks, AnAnswerThatDoesNotTellHoldsNothingBack) {
  for (const int status : {200, 400, 403, 404}) {
    ChecksBench bench([&](const auto&) { return answer(status, "[{\"resources\":1}]"); });
    bench.checks().expect_profiles();
    bench.pass(0);
    EXPECT_TRUE(bench.checks().profiles_may_go()) << status;
  }
}

TEST(Checks, ASilentServerIsAskedAgain) {
  for (const int status : {0, 401, 429, 503}) {
    SCOPED_TRACE(status);
    std::atomic<int> now = status;
    ChecksBench bench([&](const auto&) {
      return now == 0 ? "" : answer(now, now == 200 ? R"({"resources":{"created":true}})" : "");
    });
    bench.checks().expect_profiles();
    for (int i = 0; i < 1000; ++i) bench.pass(kSecondNs);
    EXPECT_FALSE(bench.checks().profiles_may_go());
    EXPECT_LT(bench.asked("/prefix/_profiling/status"), 50u);
    now = 200;
    bench.pass(60 * kSecondNs);
    EXPECT_TRUE(bench.checks().profiles_may_go());
  }
}

TEST(Checks, NothingIsHeldWhenNoSetUpIsRequired) {
  ChecksBench bench([](const auto&) { return answer(200, R"({"resources":{"created":false}})"); });
  bench.options.require_setup = false;
  bench.checks().expect_profiles();
  EXPECT_TRUE(bench.checks().profiles_may_go());
  bench.pass(0);
  EXPECT_TRUE(bench.checks().profiles_may_go());
}

TEST(Checks, OlderServersDoNotKnowRequireDataStream) {
  const auto can = [](const std::string& version, const std::string& product) {
    ChecksBench bench([&](const auto&) {
      return answer(200, R"({"version":{"number":")" + version + R"("}})", "X-Elastic-Product: " + product + "\r\n");
    });
    bench.pass(0);
    return bench.checks().data_stream_can_be_required();
  };
  EXPECT_FALSE(can("8.11.4", "Elasticsearch"));
  EXPECT_FALSE(can("7.17.0", "Elasticsearch"));
  EXPECT_TRUE(can("8.12.0", "Elasticsearch"));
  EXPECT_TRUE(can("9.6.0-SNAPSHOT", "Elasticsearch"));
  EXPECT_TRUE(can("3.8.0", "Other")) << "a number that means something else";
  EXPECT_TRUE(can("x", "Elasticsearch"));
}

}  // namespace
}  // namespace splitprof::elasticsearch
