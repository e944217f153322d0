// SPDX-License-Identifier: Apache-2.0
#include "processor/http/server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

namespace splitprof::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr uint64_t kMillisecond = 1'000'000;

// A client that says what it likes.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int family = AF_INET) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    connected_ = family == AF_INET ? connect(fd_, reinterpret_cast<sockaddr*>(&v4), sizeof v4) == 0
                                   : connect(fd_, reinterpret_cast<sockaddr*>(&v6), sizeof v6) == 0;
  }
  bool connected() const { return connected_; }
  void shrink_receive_buffer() {
    const int bytes = 4096;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  // False: the other side has closed.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Until `until` was seen, the other side closes, or five seconds of silence.
  std::string receive(std::string_view until = std::string_view("\0\0\0", 3)) {
    std::string text;
    char buffer[4096];
    while (text.find(until) == std::string::npos) {
      pollfd waiting{.fd = fd_, .events = POLLIN};
      if (poll(&waiting, 1, 5000) <= 0) return text + "(silence)";
      const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return text + "(end)";
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  void close_sending() { shutdown(fd_, SHUT_WR); }

 private:
  kj::AutoCloseFd fd_;
  bool connected_ = false;
};

class LocalServiceTest : public testing::Test {
 protected:
  void serve(LocalServiceLimits limits = {}, const std::string& host = "127.0.0.1") {
    auto sockets = listen(host, 0);
    ASSERT_TRUE(sockets) << sockets.error().message;
    port_ = sockets->port;
    std::vector<Route> routes;
    routes.push_back({"GET", "/hello", 0, [](Call call) {
                        return Answer{.body = "hello " + call.query, .headers = {{"X-Kind", "greeting"}}};
                      }});
    routes.push_back({"POST", "/length", 1000, [this](Call call) {
                        ++posted_;
                        return Answer{.status = 202,
                                      .body = fmt::format("{} of {} in {}", call.body.size(), call.content_type,
                                                          call.content_encoding)};
                      }});
    routes.push_back({"GET", "/large", 0, [](Call) { return Answer{.body = std::string(64 << 20, 'x')}; }});
    service_ = LocalService::start("test", std::move(*sockets), std::move(routes), limits);
  }
  // Waits until the counter has this value, five seconds at most: what a client sees may come before it is counted.
  testing::AssertionResult counts(std::string_view name, uint64_t wanted) {
    uint64_t value = 0;
    for (int i = 0; i < 500; ++i, usleep(10'000)) {
      for (const auto& metric : service_->metrics())
        if (metric.name == name) value = metric.value;
      if (value == wanted) return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << name << " is " << value << ", not " << wanted;
  }

  uint16_t port_ = 0;
  std::atomic<int> posted_ = 0;
  std::unique_ptr<LocalService> service_;
};

TEST_F(LocalServiceTest, AnswersARouteAndKeepsTheConnection) {
  serve();
  RawClient client(port_);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send("GET /hello?world HTTP/1.1\r\nHost: x\r\n\r\n"));
    const auto answer = client.receive("hello world");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Kind: greeting\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 11\r\n"));
  }
  EXPECT_TRUE(counts("requests_answered", 3));
  EXPECT_TRUE(counts("connections_accepted", 1));
}

TEST_F(LocalServiceTest, AnswersHeadWithoutABody) {
  serve({.idle_timeout_ns = 200 * kMillisecond});
  RawClient client(port_);
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.receive();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 6"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n(end)"));
}

TEST_F(LocalServiceTest, SaysWhatThereIsNot) {
  serve();
  RawClient client(port_);
  client.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.receive("Not Found"), StartsWith("HTTP/1.1 404 "));
  RawClient other(port_);
  other.send("DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = other.receive("\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET"));
  EXPECT_TRUE(counts("requests_without_route", 2));
}

TEST_F(LocalServiceTest, TakesBodiesByLengthAndInChunks) {
  serve();
  RawClient client(port_);
  client.send(
      "POST /length HTTP/1.1\r\nHost: x\r\nContent-Type: a/b; c=d\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 5\r\n\r\nab");
  client.send("cde");
  EXPECT_THAT(client.receive("gzip"), HasSubstr("5 of a/b; c=d in gzip"));
  client.send("POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.send("a\r\n0123456789\r\n0\r\n\r\n");
  EXPECT_THAT(client.receive("in "), HasSubstr("13 of "));
}

TEST_F(LocalServiceTest, RefusesABodyThatIsTooLargeWithoutReadingIt) {
  serve();
  RawClient client(port_);
  client.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(client.receive("1000 bytes"), StartsWith("HTTP/1.1 413 "));
  RawClient huge(port_);
  huge.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n");
  EXPECT_THAT(huge.receive("bytes"), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(posted_, 0);
}

TEST_F(LocalServiceTest, RefusesChunksThatAddUpToTooMuch) {
  serve();
  RawClient client(port_);
  client.send("POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "200\r\n" + std::string(0x200, 'x') + "\r\n";
  client.send(chunk + chunk);
  EXPECT_THAT(client.receive("1000 bytes"), StartsWith("HTTP/1.1 413 "));
  EXPECT_TRUE(counts("requests_too_large", 1));
  EXPECT_EQ(posted_, 0);
}

TEST_F(LocalServiceTest, NeverHandsOutABodyThatWasCutOff) {
  serve();
  {
    RawClient client(port_);
    client.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    client.close_sending();
    client.receive();
  }
  {
    RawClient client(port_);
    client.send("POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
    client.close_sending();
    client.receive();
  }
  EXPECT_TRUE(counts("requests_cut_off", 2));
  EXPECT_EQ(posted_, 0);
}

TEST_F(LocalServiceTest, RefusesWhatIsNotHttp) {
  serve();
  for (const std::string text : {"\x16\x03\x01\r\n\r\n", "GET\r\n\r\n", "GET /hello HTTP/1.1\r\nno colon\r\n\r\n"}) {
    RawClient client(port_);
    client.send(text);
    EXPECT_THAT(client.receive(), testing::Not(HasSubstr("200 OK"))) << text;
  }
  EXPECT_TRUE(counts("requests_malformed", 3));
}

TEST_F(LocalServiceTest, RefusesAnEndlessHeader) {
  serve();
  RawClient client(port_);
  client.send("GET /hello HTTP/1.1\r\n");
  bool open = true;
  for (int i = 0; i < 100'000 && open; ++i) open = client.send("X-A: " + std::string(1000, 'a') + "\r\n");
  EXPECT_FALSE(open);
  EXPECT_TRUE(counts("requests_answered", 0));
}

TEST_F(LocalServiceTest, DoesNotWaitForASlowHeader) {
  serve({.header_timeout_ns = 300 * kMillisecond});
  RawClient client(port_);
  client.send("GET /hello HTTP/1.1\r\n");
  const auto started = std::chrono::steady_clock::now();
  while (client.send("X: y\r\n") && std::chrono::steady_clock::now() - started < std::chrono::seconds(5))
    usleep(50'000);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
  EXPECT_TRUE(counts("requests_answered", 0));
}

TEST_F(LocalServiceTest, DoesNotWaitForASlowBody) {
  serve({.body_timeout_ns = 300 * kMillisecond});
  RawClient client(port_);
  client.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n");
  for (int i = 0; i < 20 && client.send("x"); ++i) usleep(50'000);
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(counts("requests_too_slow", 1));
  EXPECT_EQ(posted_, 0);
}

TEST_F(LocalServiceTest, DoesNotWaitForAClientThatTakesNoAnswer) {
  serve({.answer_timeout_ns = 300 * kMillisecond});
  RawClient client(port_);
  client.shrink_receive_buffer();
  client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(counts("requests_too_slow", 1));
}

TEST_F(LocalServiceTest, ClosesIdleConnections) {
  serve({.idle_timeout_ns = 200 * kMillisecond});
  RawClient client(port_);
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.receive(), testing::EndsWith("hello (end)"));
}

TEST_F(LocalServiceTest, ClosesConnectionsBeyondItsLimit) {
  serve({.connections = 2});
  RawClient first(port_), second(port_);
  first.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  first.receive("hello ");
  second.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  second.receive("hello ");
  RawClient third(port_);
  EXPECT_EQ(third.receive(), "(end)");
  EXPECT_TRUE(counts("connections_refused", 1));
  first = RawClient(port_);  // closes the first
  EXPECT_TRUE(counts("connections_accepted", 2));
}

TEST_F(LocalServiceTest, HasABoundOnTheBytesOfAllRequestsTogether) {
  serve({.body_bytes_in_flight = 100 << 10});
  RawClient holds(port_);
  holds.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  usleep(100'000);
  RawClient client(port_);
  client.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
  const auto answer = client.receive("\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1"));
  EXPECT_TRUE(counts("requests_crowded_out", 1));
  holds.send("defghij");
  EXPECT_THAT(holds.receive("in "), HasSubstr("10 of "));
}

TEST_F(LocalServiceTest, StopsWhileConnectionsAreOpen) {
  serve();
  RawClient idle(port_), waiting(port_);
  waiting.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(counts("connections_accepted", 2));
  service_.reset();
  EXPECT_EQ(idle.receive(), "(end)");
  EXPECT_FALSE(RawClient(port_).connected());
}

TEST(Listen, TakesOnePortOnBothLoopbackAddresses) {
  const auto sockets = listen("localhost", 0);
  ASSERT_TRUE(sockets) << sockets.error().message;
  EXPECT_NE(sockets->port, 0);
  EXPECT_TRUE(RawClient(sockets->port).connected());
  EXPECT_TRUE(sockets->fds.size() == 1 || RawClient(sockets->port, AF_INET6).connected());
}

TEST(Listen, SaysWhatIsInTheWay) {
  const auto first = listen("127.0.0.1", 0);
  ASSERT_TRUE(first);
  const auto second = listen("127.0.0.1", first->port);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            fmt::format("cannot listen on 127.0.0.1 port {}: bind: Address already in use", first->port));
  EXPECT_FALSE(listen("no-such-host.invalid", 0));
}

}  // namespace
}  // namespace splitprof::http
