// SPDX-License-Identifier: Apache-2.0
#include "processor/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <optional>

#include "processor/http/reach.h"
#include "processor/sandbox.h"
#include "tests/processor/http/scripted_server.h"

namespace splitprof::http {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kSecondNs = 1'000'000'000;

HttpOptions plain() {
  HttpOptions options;
  options.timeout_ns = 5 * kSecondNs;
  return options;
}

// Runs the client until every request has ended.
void finish(Client& client) {
  while (client.running() > 0) client.run(kSecondNs);
}

Result<Response> send(const HttpOptions& options, Request request) {
  Client client;
  auto server = Server::prepare(options);
  if (!server) return server.error();
  std::optional<Result<Response>> outcome;
  client.start(**server, std::move(request), [&](Result<Response> response) { outcome = std::move(response); });
  EXPECT_FALSE(outcome.has_value()) << "called from start()";
  finish(client);
  return outcome ? *std::move(outcome) : Result<Response>(fail(Errc::io, "no outcome"));
}

Request post(const std::string& url, const std::string& body = "body") {
  return {.url = url, .headers = {"Content-Type: text/x"}, .body = std::make_shared<const std::string>(body)};
}

TEST(HttpClient, SendsABodyWithHeadersAndHandsTheAnswerOut) {
  ScriptedServer server(
      [](const auto&) { return answer(429, "slow down", "retry-after:  7 \r\nX-Elastic-Product: Elasticsearch\r\n"); });
  auto options = plain();
  options.headers = {{"X-Team", "profilers"}, {"X-Empty", ""}};
  const std::string body(3 << 20, 'x');
  const auto response = send(options, post(server.url("/a/_bulk?q=1"), body));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(response->body, "slow down");
  EXPECT_EQ(response->retry_after, "7");
  EXPECT_EQ(response->product, "Elasticsearch");
  const auto call = server.calls().at(0);
  EXPECT_THAT(call.head, HasSubstr("POST /a/_bulk?q=1 HTTP/1.1\r\n"));
  EXPECT_THAT(call.head, HasSubstr("\r\nX-Team: profilers\r\n"));
  EXPECT_THAT(call.head, HasSubstr("\r\nX-Empty:\r\n"));
  EXPECT_THAT(call.head, HasSubstr("\r\nContent-Type: text/x\r\n"));
  EXPECT_THAT(call.head, HasSubstr("\r\nUser-Agent: splitprof/"));
  EXPECT_THAT(call.head, Not(HasSubstr("Expect:")));
  EXPECT_EQ(call.body, body);
}

TEST(HttpClient, AHeaderOfTheConfigurationWins) {
  ScriptedServer server([](const auto&) { return answer(200, ""); });
  auto options = plain();
  options.headers = {{"content-type", "text/mine"}, {"authorization", "Custom"}};
  options.user = "user";
  options.password = "pass";
  ASSERT_TRUE(send(options, post(server.url())));
  const auto head = server.calls().at(0).head;
  EXPECT_THAT(head, HasSubstr("content-type: text/mine"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Type")));
  EXPECT_THAT(head, HasSubstr("authorization: Custom"));
  EXPECT_THAT(head, Not(HasSubstr("Basic")));
}

TEST(HttpClient, AnApiKeyWinsOverATokenAndThatOverAPassword) {
  ScriptedServer server([](const auto&) { return answer(200, ""); });
  auto options = plain();
  options.user = "Aladdin";
  options.password = "open sesame";
  ASSERT_TRUE(send(options, post(server.url())));
  options.bearer_token = "token";
  ASSERT_TRUE(send(options, post(server.url())));
  options.api_key = "a2V5";
  ASSERT_TRUE(send(options, post(server.url())));
  // The first is the example of RFC 7617, section 2.
  EXPECT_THAT(server.calls().at(0).head, HasSubstr("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
  EXPECT_THAT(server.calls().at(1).head, HasSubstr("Authorization: Bearer token\r\n"));
  EXPECT_THAT(server.calls().at(2).head, HasSubstr("Authorization: ApiKey a2V5\r\n"));
}

TEST(HttpClient, UsesAConnectionAgain) {
  ScriptedServer scripted([](const auto&) { return answer(200, "ok"); });
  Client client;
  const auto server = Server::prepare(plain());
  for (int i = 0; i < 3; ++i) {
    client.start(**server, post(scripted.url()), [](auto response) { EXPECT_EQ(response->body, "ok"); });
    finish(client);
  }
  EXPECT_EQ(scripted.calls().size(), 3u);
  EXPECT_EQ(scripted.connections(), 1u);
}

TEST(HttpClient, MakesNoMoreConnectionsThanItMay) {
  ScriptedServer scripted([](const auto&) { return answer(200, "ok"); });
  auto options = plain();
  options.max_connections = 2;
  Client client;
  const auto server = Server::prepare(options);
  int ended = 0;
  for (int i = 0; i < 9; ++i) client.start(**server, post(scripted.url()), [&](auto) { ++ended; });
  finish(client);
  EXPECT_EQ(ended, 9);
  EXPECT_LE(scripted.connections(), 2u);
}

TEST(HttpClient, BoundsTheAnswer) {
  ScriptedServer server([](const auto&) { return answer(200, std::string(2000, 'x')); });
  auto request = post(server.url());
  request.max_answer_bytes = 1999;
  const auto response = send(plain(), request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::too_large);
}

TEST(HttpClient, BoundsTheHeaders) {
  ScriptedServer server([](const auto&) {
    std::string headers;
    for (int i = 0; i < 2000; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n";
    return answer(200, "", headers);
  });
  EXPECT_FALSE(send(plain(), post(server.url())));
}

TEST(HttpClient, GivesUpWhenTheTimeIsOver) {
  ScriptedServer server([](const auto&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return answer(200, "");
  });
  auto options = plain();
  options.timeout_ns = 50'000'000;
  const auto response = send(options, post(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::timed_out);
}

TEST(HttpClient, TellsAConnectionThatWasCutFromOneThatNeverWas) {
  std::string url;
  {
    ScriptedServer server([](const auto&) { return ""; });
    url = server.url();
    const auto cut = send(plain(), post(url));
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Errc::gone) << cut.error().message;
  }
  const auto refused = send(plain(), post(url));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::io) << refused.error().message;
  EXPECT_EQ(send(plain(), post("http://splitprof.invalid:1/")).error().code, Errc::io);
}

TEST(HttpClient, AnAnswerThatIsCutOffIsNone) {
  ScriptedServer server([](const auto& call) -> std::string {
    return call.number == 0 ? "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf" : "";
  });
  auto options = plain();
  options.timeout_ns = 100'000'000;
  const auto response = send(options, post(server.url()));
  EXPECT_FALSE(response);
}

TEST(HttpClient, DoesNotFollowRedirects) {
  ScriptedServer server([](const auto&) { return answer(302, "", "Location: /elsewhere\r\n"); });
  EXPECT_EQ(send(plain(), post(server.url()))->status, 302);
  EXPECT_EQ(server.calls().size(), 1u);
}

TEST(HttpClient, SpeaksNothingButHttp) {
  for (const char* url : {"file:///etc/passwd", "ftp://localhost/", "", "http://[", "\x01"})
    EXPECT_FALSE(send(plain(), post(url))) << url;
}

TEST(HttpClient, ACancelledRequestIsNotHeardOfAgain) {
  ScriptedServer scripted([](const auto&) { return answer(200, ""); });
  Client client;
  auto options = plain();
  options.max_connections = 1;
  const auto server = Server::prepare(options);
  const auto never = [](auto) { FAIL() << "cancelled"; };
  int ended = 0;
  const auto first = client.start(**server, post(scripted.url()), never);
  const auto second = client.start(**server, post(scripted.url()), never);  // waits for the connection
  client.start(**server, post(scripted.url()), [&](auto) { ++ended; });
  const auto bad = client.start(**server, post("nonsense://"), never);
  client.cancel(first);
  client.cancel(second);
  client.cancel(bad);
  client.cancel(4711);
  finish(client);
  EXPECT_EQ(ended, 1);
}

TEST(HttpClient, ADoneMayStartAndCancel) {
  ScriptedServer scripted([](const auto&) { return answer(200, ""); });
  Client client;
  const auto server = Server::prepare(plain());
  int ended = 0;
  uint64_t other = 0;
  const auto again = [&](auto) {
    client.cancel(other);
    if (++ended < 3) client.start(**server, post(scripted.url()), [&](auto) { ++ended; });
  };
  client.start(**server, post("http://["), again);
  other = client.start(**server, post("http://["), [](auto) { FAIL() << "cancelled"; });
  finish(client);
  EXPECT_EQ(ended, 2);
}

TEST(HttpClient, WaitsUntilItIsWoken) {
  Client client;
  const auto began = std::chrono::steady_clock::now();
  std::thread waker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    client.wake();
  });
  client.run(30 * kSecondNs);
  waker.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(HttpClient, NoErrorShowsASecret) {
  auto options = plain();
  options.password = "sesame-1";
  options.headers = {{"X-Key", "sesame-2"}};
  options.proxy_url = "http://joe:sesame-3@127.0.0.1:1";
  const auto response = send(options, post("http://127.0.0.1:1/sesame-1?key=sesame-4"));
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, Not(HasSubstr("sesame")));
  EXPECT_THAT(response.error().message, HasSubstr("POST http://127.0.0.1:1/"));
  options.proxy_url = "gopher://joe:sesame-3@127.0.0.1:1";
  const auto refused = Server::prepare(options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("sesame")));
}

TEST(HttpServerOptions, RefusesWhatCannotBeSent) {
  const auto error = [](auto change) {
    auto options = plain();
    change(options);
    const auto server = Server::prepare(options);
    return server ? std::string() : server.error().message;
  };
  EXPECT_EQ(error([](auto&) {}), "");
  EXPECT_THAT(error([](auto& o) { o.headers = {{"X Y", "z"}}; }), HasSubstr("\"X Y\" is not the name of a header"));
  EXPECT_THAT(error([](auto& o) { o.headers = {{"X", "sesame\r\nY: z"}}; }), HasSubstr("has a line break"));
  EXPECT_THAT(error([](auto& o) { o.api_key = "a\nb"; }), HasSubstr("line break"));
  EXPECT_THAT(error([](auto& o) { o.tls.ca_file = "/nonexistent/ca.pem"; }),
              HasSubstr("tls.ca_file: /nonexistent/ca.pem: No such file"));
  EXPECT_THAT(error([](auto& o) { o.tls.ca_pem = "hello"; }), HasSubstr("tls.ca_pem: there is no certificate in it"));
  EXPECT_THAT(error([](auto& o) { o.tls.ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"; }),
              HasSubstr("tls.ca_pem: certificate 1: "));
  EXPECT_THAT(error([](auto& o) { o.tls.cert_pem = "hello"; }), HasSubstr("the key is missing or empty"));
  EXPECT_THAT(error([](auto& o) { o.tls.min_version = "1.4"; }), HasSubstr("tls.min_version"));
  EXPECT_THAT(error([](auto& o) { o.tls.max_version = "1.1"; }), HasSubstr("below min_version"));
}

TEST(Reach, NamesThePortsOfServersProxiesAndNameServers) {
  auto options = plain();
  options.proxy_url = "http://user:pass@proxy:3128";
  const auto found = ports(options, {"https://a", "http://b/path", "https://[::1]:9200", "https://c:9200"});
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, testing::UnorderedElementsAre(53, 443, 80, 9200, 3128));
  EXPECT_FALSE(ports(options, {"http://["}));
}

// What the processor does: the client is made, then the sandbox is shut, then names are resolved and requests sent.
TEST(HttpClient, WorksInTheSandbox) {
  ScriptedServer scripted([](const auto&) { return answer(200, "ok"); });
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    Client client;
    auto options = plain();
    const auto url = "http://localhost:" + std::to_string(scripted.port);
    const auto server = Server::prepare(options);
    const auto open_ports = ports(options, {url});
    if (!server || !open_ports || !drop_privileges()) _exit(1);
    if (!confine({.readable = readable_paths(options), .network = true, .connect_ports = *open_ports})) _exit(2);
    int status = 0;
    client.start(**server, post(url), [&](Result<Response> response) { status = response ? response->status : 3; });
    // A name that no file knows: asks whatever resolves names here, and must not be killed for it.
    client.start(**server, post("http://splitprof.invalid:" + std::to_string(scripted.port)), [](auto) {});
    finish(client);
    _exit(status == 200 ? 0 : 4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace splitprof::http
