// SPDX-License-Identifier: Apache-2.0
#include "processor/http/server.h"

#include <kj/async-io.h>
#include <kj/compat/http.h>
#include <kj/debug.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "shared/check.h"
#include "shared/log.h"

namespace splitprof::http {
namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr auto kAcceptPause = 100 * kj::MILLISECONDS;  // after an accept that failed
constexpr uint32_t kFlags =
    kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC;
constexpr const char* kSoon = "1";  // Retry-After of 503, seconds

// Written by the server's thread, read by any.
struct Counters {
#define SP_METRIC(name, text) std::atomic<uint64_t> name = 0;
#include "processor/telemetry/http_server_metrics.def"
#undef SP_METRIC
};

kj::Duration nanoseconds(uint64_t ns) {
  return static_cast<int64_t>(ns) * kj::NANOSECONDS;
}

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return status < 400 ? "OK" : status < 500 ? "Client Error" : "Server Error";
  }
}

// What is the same for all connections.
struct Shared {
  Shared(const std::vector<Route>& its_routes, const LocalServiceLimits& its_limits, Counters& its_counters,
         kj::Timer& its_timer)
      : routes(its_routes), limits(its_limits), counters(its_counters), timer(its_timer) {
    kj::HttpHeaderTable::Builder builder;
    content_encoding = builder.add("Content-Encoding");
    accept = builder.add("Accept");
    table = builder.build();
  }

  const std::vector<Route>& routes;
  const LocalServiceLimits& limits;
  Counters& counters;
  kj::Timer& timer;
  kj::HttpHeaderId content_encoding, accept;
  kj::Own<kj::HttpHeaderTable> table;
  uint64_t body_bytes_in_flight = 0;
};

// One request on its way: reads the body, calls the route, writes the answer. Lives until its promise is done.
class Exchange {
 public:
  Exchange(Shared& shared, const Route& route, Call call, kj::AsyncInputStream& body, kj::HttpService::Response& out)
      : shared_(shared), route_(route), call_(std::move(call)), body_(body), out_(out) {}
  ~Exchange() { release(); }
  KJ_DISALLOW_COPY(Exchange);

  kj::Promise<void> run() {
    KJ_IF_MAYBE (length, body_.tryGetLength()) {
      if (*length > route_.max_body_bytes) return refuse(413);
    }
    auto late = shared_.timer.afterDelay(nanoseconds(shared_.limits.body_timeout_ns)).then([] { return 408; });
    return read_body().exclusiveJoin(kj::mv(late)).then([this](int status) {
      if (status != 200) return refuse(status);
      ++shared_.counters.requests_answered;
      return write(answer());
    });
  }

 private:
  // 200: it is whole. KJ itself fails when the connection ends before Content-Length or the last chunk.
  kj::Promise<int> read_body() {
    const size_t had = call_.body.size();
    if (!reserve(kReadBytes)) return 503;
    call_.body.resize(had + kReadBytes);
    return body_.tryRead(call_.body.data() + had, 1, kReadBytes).then([this, had](size_t read) -> kj::Promise<int> {
      call_.body.resize(had + read);
      give_back(kReadBytes - read);
      if (read == 0) return 200;
      if (call_.body.size() > route_.max_body_bytes) return 413;
      return read_body();
    });
  }

  Answer answer() {
    try {
      return route_.handler(std::move(call_));
    } catch (const std::exception& error) {  // out of memory, for instance
      log::error("HTTP request for {} failed: {}", route_.path, error.what());
      return {.status = 500, .body = std::string(reason_of(500)) + "\n"};
    }
  }

  kj::Promise<void> refuse(int status) {
    auto& counters = shared_.counters;
    ++(status == 413   ? counters.requests_too_large
       : status == 503 ? counters.requests_crowded_out
                       : counters.requests_too_slow);
    Answer answer{.status = status, .body = std::string(reason_of(status)) + "\n"};
    if (status == 413) answer.body = fmt::format("the body is larger than {} bytes\n", route_.max_body_bytes);
    if (status == 503) answer.headers.emplace_back("Retry-After", kSoon);
    return write(std::move(answer));
  }

  kj::Promise<void> write(Answer answer) {
    answer_ = std::move(answer);
    release();
    kj::HttpHeaders headers(*shared_.table);
    headers.set(kj::HttpHeaderId::CONTENT_TYPE, answer_.content_type.c_str());
    for (const auto& [name, value] : answer_.headers) headers.add(name.c_str(), value.c_str());
    auto stream =
        out_.send(static_cast<unsigned>(answer_.status), reason_of(answer_.status), headers, answer_.body.size());
    auto written = answer_.body.empty() ? kj::Promise<void>(kj::READY_NOW)
                                        : stream->write(answer_.body.data(), answer_.body.size());
    auto late = shared_.timer.afterDelay(nanoseconds(shared_.limits.answer_timeout_ns)).then([this]() -> void {
      ++shared_.counters.requests_too_slow;
      kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "the answer is not taken"));
    });
    return written.attach(kj::mv(stream)).exclusiveJoin(kj::mv(late));
  }

  bool reserve(uint64_t bytes) {
    if (shared_.body_bytes_in_flight + bytes > shared_.limits.body_bytes_in_flight) return false;
    shared_.body_bytes_in_flight += bytes;
    reserved_ += bytes;
    return true;
  }
  void give_back(uint64_t bytes) {
    shared_.body_bytes_in_flight -= bytes;
    reserved_ -= bytes;
  }
  void release() {
    give_back(reserved_);
    call_.body = {};
  }

  Shared& shared_;
  const Route& route_;
  Call call_;
  kj::AsyncInputStream& body_;
  kj::HttpService::Response& out_;
  Answer answer_;
  uint64_t reserved_ = 0;
};

class Router final : public kj::HttpService, public kj::HttpServerErrorHandler {
 public:
  explicit Router(Shared& shared) : shared_(shared) {}

  kj::Promise<void> request(kj::HttpMethod method, kj::StringPtr url, const kj::HttpHeaders& headers,
                            kj::AsyncInputStream& body, Response& out) override {
    const std::string_view target(url.begin(), url.size());
    const size_t mark = std::min(target.find('?'), target.size());
    const auto text_of = [&](kj::HttpHeaderId id) {
      std::string text;
      KJ_IF_MAYBE (value, headers.get(id)) text.assign(value->begin(), value->size());
      return text;
    };
    Call call{.path = std::string(target.substr(0, mark)),
              .query = std::string(target.substr(std::min(mark + 1, target.size()))),
              .content_type = text_of(kj::HttpHeaderId::CONTENT_TYPE),
              .content_encoding = text_of(shared_.content_encoding),
              .accept = text_of(shared_.accept)};
    const std::string wanted = method == kj::HttpMethod::HEAD
                                   ? "GET"
                                   : std::string(kj::toCharSequence(method).begin(), kj::toCharSequence(method).size());
    const Route* found = nullptr;
    std::string allowed;
    for (const auto& route : shared_.routes) {
      if (route.path != call.path) continue;
      if (route.method == wanted) found = &route;
      allowed += (allowed.empty() ? "" : ", ") + route.method;
    }
    if (found == nullptr) return no_route(allowed, out);
    auto exchange = kj::heap<Exchange>(shared_, *found, std::move(call), body, out);
    auto done = exchange->run();
    return done.attach(kj::mv(exchange));
  }

  kj::Promise<void> handleClientProtocolError(kj::HttpHeaders::ProtocolError error,
                                              kj::HttpService::Response& out) override {
    ++shared_.counters.requests_malformed;
    return HttpServerErrorHandler::handleClientProtocolError(error, out);
  }
  // What KJ itself gives up: a connection that ends early, or a header that is too long.
  kj::Promise<void> handleApplicationError(kj::Exception exception,
                                           kj::Maybe<kj::HttpService::Response&> out) override {
    if (exception.getType() == kj::Exception::Type::DISCONNECTED) {
      ++shared_.counters.requests_cut_off;
      return kj::READY_NOW;
    }
    ++shared_.counters.requests_malformed;
    KJ_IF_MAYBE (response, out) return response->sendError(400, reason_of(400), *shared_.table);
    return kj::READY_NOW;
  }

 private:
  kj::Promise<void> no_route(const std::string& allowed, Response& out) {
    ++shared_.counters.requests_without_route;
    if (allowed.empty()) return out.sendError(404, reason_of(404), *shared_.table);
    kj::HttpHeaders headers(*shared_.table);
    headers.add("Allow", allowed.c_str());
    return out.sendError(405, reason_of(405), headers);
  }

  Shared& shared_;
};

// Accepts connections and keeps those that are open.
class Connections final : private kj::TaskSet::ErrorHandler {
 public:
  Connections(Shared& shared, kj::HttpServer& server) : shared_(shared), server_(server), tasks_(*this) {}

  void accept_from(kj::ConnectionReceiver& receiver) { tasks_.add(accept_next(receiver)); }

 private:
  kj::Promise<void> accept_next(kj::ConnectionReceiver& receiver) {
    return receiver.accept().then(
        [this, &receiver](kj::Own<kj::AsyncIoStream> stream) {
          take(kj::mv(stream));
          return accept_next(receiver);
        },
        [this, &receiver](kj::Exception&&) {
          ++shared_.counters.accepts_failed;
          return shared_.timer.afterDelay(kAcceptPause).then([this, &receiver] { return accept_next(receiver); });
        });
  }
  void take(kj::Own<kj::AsyncIoStream> stream) {
    if (open_ >= shared_.limits.connections) {
      ++shared_.counters.connections_refused;
      return;
    }
    ++shared_.counters.connections_accepted;
    ++open_;
    tasks_.add(server_.listenHttp(kj::mv(stream)).attach(kj::defer([this] { --open_; })));
  }
  void taskFailed(kj::Exception&&) override {}  // a connection broke; its requests are counted by the router

  Shared& shared_;
  kj::HttpServer& server_;
  unsigned open_ = 0;
  kj::TaskSet tasks_;
};

}  // namespace

struct LocalService::State {
  std::string thread_name;
  ListeningSockets sockets;
  std::vector<Route> routes;
  LocalServiceLimits limits;
  Counters counters;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> stop;
  std::atomic<bool> ready = false;
  std::thread thread;

  void run() {
    prctl(PR_SET_NAME, thread_name.c_str(), 0, 0, 0);
    const log::KjMessages messages;
    auto io = kj::setupAsyncIo();
    auto stopped = kj::newPromiseAndCrossThreadFulfiller<void>();
    stop = kj::mv(stopped.fulfiller);
    ready = true;
    ready.notify_one();

    Shared shared(routes, limits, counters, io.provider->getTimer());
    Router router(shared);
    kj::HttpServerSettings settings;
    settings.headerTimeout = nanoseconds(limits.header_timeout_ns);
    settings.pipelineTimeout = nanoseconds(limits.idle_timeout_ns);
    settings.errorHandler = router;
    kj::HttpServer server(shared.timer, *shared.table, router, settings);
    Connections connections(shared, server);
    std::vector<kj::Own<kj::ConnectionReceiver>> receivers;
    for (auto& fd : sockets.fds) {
      receivers.push_back(io.lowLevelProvider->wrapListenSocketFd(kj::mv(fd), kFlags));
      connections.accept_from(*receivers.back());
    }
    stopped.promise.wait(io.waitScope);
  }
};

std::unique_ptr<LocalService> LocalService::start(std::string thread_name, ListeningSockets sockets,
                                                  std::vector<Route> routes, LocalServiceLimits limits) {
  CHECK(thread_name.size() <= 15);  // TASK_COMM_LEN
  auto state = std::make_unique<State>();
  state->thread_name = std::move(thread_name);
  state->sockets = std::move(sockets);
  state->routes = std::move(routes);
  state->limits = limits;
  state->thread = std::thread([&started = *state] { started.run(); });
  state->ready.wait(false);
  return std::unique_ptr<LocalService>(new LocalService(std::move(state)));
}

LocalService::LocalService(std::unique_ptr<State> state) : state_(std::move(state)) {}

LocalService::~LocalService() {
  state_->stop->fulfill();
  state_->thread.join();
}

std::vector<NamedMetric> LocalService::metrics() const {
  const auto& counters = state_->counters;
  return {
#define SP_METRIC(name, text) NamedMetric{#name, text, counters.name},
#include "processor/telemetry/http_server_metrics.def"
#undef SP_METRIC
  };
}

}  // namespace splitprof::http
