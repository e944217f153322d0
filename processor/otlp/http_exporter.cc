// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/http_exporter.h"

#include <algorithm>
#include <list>
#include <map>
#include <optional>

#include "processor/backlog/outbox.h"
#include "processor/http/backoff.h"
#include "processor/http/gzip.h"
#include "processor/otlp/count.h"
#include "processor/otlp/signal.h"
#include "processor/otlp/status.h"
#include "shared/log.h"

namespace splitprof::otlp {
namespace {

// OTLP specification 1.11, "OTLP/HTTP Request" and "Response": the limits that it recommends.
constexpr size_t kMaxBodyBytes = 64u << 20;
constexpr uint64_t kMaxAnswerBytes = 4u << 20;
constexpr uint64_t kMaxRetryAfterNs = 300'000'000'000;  // what a server may ask for
constexpr uint64_t kComplainAgainNs = 60'000'000'000;
// So many requests in a row without an answer, and something is wrong.
constexpr unsigned kUnhealthyFailures = 3;

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// A message while it is being sent.
struct Sending {
  Outbox::Lease lease;
  uint64_t request = 0;
  std::optional<Result<http::Response>> answer;
};

// Of a message that could not be sent.
struct Tries {
  unsigned count = 0;
  uint64_t first_ns = 0;
};

}  // namespace

class OtlpHttpExporter::State {
 public:
  State(const OtlpHttpOptions& options, http::Client& client, uint64_t seed)
      : options_(options),
        client_(client),
        backoff_(options.retry.initial_interval_ns, options.retry.max_interval_ns, seed) {}
  ~State() {
    for (const auto& sending : sendings_) client_.cancel(sending.request);
  }

  Result<> open() {
    server_ = TRY(http::Server::prepare(options_.http));
    std::unique_ptr<Backlog> backlog;
    if (options_.backlog.enabled && !options_.backlog.folder.empty())
      backlog = TRY(Backlog::open({.folder = options_.backlog.folder,
                                   .max_bytes = options_.backlog.max_bytes,
                                   .max_age_ns = options_.backlog.max_age_ns},
                                  counters_));
    has_backlog_ = backlog != nullptr;
    outbox_ = std::make_unique<Outbox>(Outbox::Limits{.max_messages = options_.queue.queue_size}, std::move(backlog),
                                       counters_);
    return Ok{};
  }

  template <typename Batch>
  void put(const Batch& batch, uint64_t items, uint64_t samples, Signal proto, Signal json) {
    const Signal signal = options_.json ? json : proto;
    counters_.items_encoded += items;
    Message message{.kind = static_cast<uint16_t>(signal),
                    .items = static_cast<uint32_t>(items),
                    .samples = static_cast<uint32_t>(samples)};
    message.body = encode(batch, encoding_of(signal));
    if (message.body.size() > kMaxBodyBytes || url_of(signal).empty()) {
      complain("batch", message.body.size() > kMaxBodyBytes ? "a batch is larger than 64 MiB, and dropped"
                                                            : "no endpoint for what it is handed, which is dropped");
      refuse(message);
      return;
    }
    outbox_->put(std::move(message));
  }

  void tick(const Times& now) {
    now_ = now;
    outbox_->tick(now.monotonic_ns, now.unix_ns);
    if (ended_) return;
    for (auto it = sendings_.begin(); it != sendings_.end();) {
      if (it->answer) {
        settle(it->lease, *it->answer);
        it = sendings_.erase(it);
      } else {
        ++it;
      }
    }
    if (stopping_ && now.monotonic_ns >= deadline_ns_) return end();
    begin_more();
    if (stopping_ && sendings_.empty() && (closed_ || outbox_->empty())) end();
  }

  void stop(const Times& now, uint64_t deadline_ns) {
    now_ = now;
    stopping_ = true;
    deadline_ns_ = deadline_ns;
    rests_until_ns_ = 0;  // one more try
  }

  bool finished() const { return ended_ && outbox_->settled(); }
  bool healthy() const { return !refused_ && unanswered_ < kUnhealthyFailures; }
  ExporterMetrics& counters() { return counters_; }

 private:
  const std::string& url_of(Signal signal) const {
    return holds_profiles(signal) ? options_.profiles_endpoint : options_.metrics_endpoint;
  }

  void begin_more() {
    // After a failure one at a time, until one succeeds.
    const size_t most = failures_ > 0 ? 1 : std::max(options_.queue.num_consumers, 1u);
    while (!closed_ && now_.monotonic_ns >= rests_until_ns_ && sendings_.size() < most) {
      auto lease = outbox_->take();
      if (!lease) return;
      begin(std::move(*lease));
    }
  }

  void begin(Outbox::Lease lease) {
    const auto signal = static_cast<Signal>(lease.message->kind);
    const auto& url = url_of(signal);
    if (url.empty()) {  // a backlog of a configuration that had one
      complain("endpoint", "messages wait for an endpoint that is no longer configured; they are dropped");
      refuse(*lease.message);
      return done(lease);
    }
    const auto& body = lease.message->body;
    http::Request request{.url = url, .max_answer_bytes = kMaxAnswerBytes};
    request.headers.push_back(std::string("Content-Type: ") + content_type(encoding_of(signal)));
    if (options_.http.compression == "gzip") {
      request.headers.push_back("Content-Encoding: gzip");
      request.body = std::make_shared<const std::string>(http::gzip(body, options_.http.compression_level));
    } else {
      request.body = std::shared_ptr<const std::string>(lease.message, &body);
    }
    ++counters_.requests_sent;
    counters_.request_bytes += request.body->size();
    counters_.request_bytes_uncompressed += body.size();
    auto& sending = sendings_.emplace_back(Sending{.lease = std::move(lease)});
    sending.request = client_.start(*server_, std::move(request),
                                    [&sending](Result<http::Response> answer) { sending.answer = std::move(answer); });
  }

  void settle(const Outbox::Lease& lease, const Result<http::Response>& answer) {
    if (!answer) {
      ++counters_.requests_failed;
      if (answer.error().code == Errc::too_large) {  // the specification: it is not sent again
        ++counters_.answers_malformed;
        return refused(lease, answer.error().message);
      }
      ++unanswered_;
      return try_later(lease, answer.error().message, 0);
    }
    unanswered_ = 0;
    const int status = answer->status;
    if (status >= 200 && status < 300) return delivered(lease, answer->body);
    ++counters_.requests_failed;
    const auto signal = static_cast<Signal>(lease.message->kind);
    const auto words = status_message(answer->body, encoding_of(signal));
    const auto text =
        fmt::format("the server answers with status {}{}{}", status, words.empty() ? "" : ": ", log::printable(words));
    if (contains(options_.retry.on_status, status))
      return try_later(lease, text, http::parse_retry_after_ns(answer->retry_after).value_or(0));
    refused(lease, text);
  }

  void delivered(const Outbox::Lease& lease, const std::string& body) {
    if (failures_ > 0) log::info("exporter {}: the server takes requests again", options_.name);
    failures_ = 0;
    refused_ = false;
    const Message& message = *lease.message;
    int64_t rejected = 0;
    if (const auto response = decode_response(body, encoding_of(static_cast<Signal>(message.kind)))) {
      rejected = std::clamp<int64_t>(response->rejected, 0, message.items);
      if (rejected > 0 || !response->message.empty())
        complain("partial", fmt::format("the server refused {} of {} items: {}", rejected, message.items,
                                        log::printable(response->message)));
    } else {
      ++counters_.answers_malformed;
      complain("answer", response.error().message);
    }
    counters_.items_refused += static_cast<uint64_t>(rejected);
    counters_.items_delivered += message.items - static_cast<uint64_t>(rejected);
    // Which samples the refused items had, the server does not say.
    (rejected > 0 && rejected == message.items ? counters_.samples_refused : counters_.samples_delivered) +=
        message.samples;
    done(lease);
  }

  void refused(const Outbox::Lease& lease, const std::string& why) {
    refused_ = true;
    complain("refused", why + "; the batch is dropped, as it would be refused again");
    refuse(*lease.message);
    done(lease);
  }
  void refuse(const Message& message) {
    counters_.items_refused += message.items;
    counters_.samples_refused += message.samples;
  }

  void try_later(const Outbox::Lease& lease, const std::string& why, uint64_t server_wait_ns) {
    if (now_.monotonic_ns >= rests_until_ns_) {  // of those that were under way together the first
      ++failures_;
      rests_until_ns_ =
          now_.monotonic_ns + std::max(backoff_.wait_ns(failures_), std::min(server_wait_ns, kMaxRetryAfterNs));
    }
    if (stopping_) closed_ = true;
    // On disk it waits as long as the backlog's bounds allow.
    if (!has_backlog_ && !may_try_again(lease.number)) {
      complain("given up", why + "; the batch is given up");
      give_up(*lease.message);
      return done(lease);
    }
    complain("later", why + (has_backlog_ ? "; what is to be sent waits on disk" : "; it is sent again"));
    ++counters_.requests_retried;
    outbox_->give_back(lease.number);
  }

  bool may_try_again(uint64_t number) {
    // Of those that were dropped from memory nobody says that they are gone; the oldest are.
    while (tries_.size() > 2 * size_t{options_.queue.queue_size}) tries_.erase(tries_.begin());
    auto& tries = tries_[number];
    if (tries.count++ == 0) tries.first_ns = now_.monotonic_ns;
    return options_.retry.enabled && !stopping_ && tries.count <= options_.retry.max_retries &&
           (options_.retry.max_elapsed_ns == 0 || rests_until_ns_ - tries.first_ns <= options_.retry.max_elapsed_ns);
  }
  void give_up(const Message& message) {
    counters_.items_given_up += message.items;
    counters_.samples_given_up += message.samples;
  }
  void done(const Outbox::Lease& lease) {
    outbox_->done(lease.number);
    tries_.erase(lease.number);
  }

  // Ends what is under way; without a backlog what is left is given up.
  void end() {
    ended_ = true;
    for (auto& sending : sendings_) {
      client_.cancel(sending.request);
      outbox_->give_back(sending.lease.number);
    }
    sendings_.clear();
    if (has_backlog_) return outbox_->save_all();
    while (const auto lease = outbox_->take()) {
      give_up(*lease->message);
      outbox_->done(lease->number);
    }
  }

  void complain(const char* cause, const std::string& why) {
    auto& said_ns = complained_[cause];
    if (said_ns != 0 && now_.monotonic_ns - said_ns < kComplainAgainNs) return;
    said_ns = now_.monotonic_ns;
    log::warn("exporter {}: {}", options_.name, why);
  }

  const OtlpHttpOptions options_;
  http::Client& client_;
  http::Backoff backoff_;
  ExporterMetrics counters_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Outbox> outbox_;
  std::list<Sending> sendings_;      // stay where they are: requests refer to them
  std::map<uint64_t, Tries> tries_;  // by number; without a backlog only
  std::map<std::string, uint64_t> complained_;
  Times now_;
  uint64_t rests_until_ns_ = 0;
  unsigned failures_ = 0;    // rests in a row
  unsigned unanswered_ = 0;  // requests in a row
  bool refused_ = false;     // the last answer
  bool has_backlog_ = false;
  bool stopping_ = false;
  bool closed_ = false;  // stopping, and nothing more is begun
  bool ended_ = false;   // stopping, and nothing more is sent
  uint64_t deadline_ns_ = 0;
};

Result<std::unique_ptr<OtlpHttpExporter>> OtlpHttpExporter::make(const OtlpHttpOptions& options, http::Client& client,
                                                                 uint64_t seed) {
  auto state = std::make_unique<State>(options, client, seed);
  if (auto opened = state->open(); !opened)
    return fail(opened.error().code, "exporter {}: {}", options.name, opened.error().message);
  return std::unique_ptr<OtlpHttpExporter>(new OtlpHttpExporter(std::move(state)));
}

OtlpHttpExporter::OtlpHttpExporter(std::unique_ptr<State> state) : state_(std::move(state)) {}
OtlpHttpExporter::~OtlpHttpExporter() = default;

void OtlpHttpExporter::consume(const otel::Profiles& batch) {
  const uint64_t samples = batch.sample_count();
  state_->counters().samples_received += samples;
  if (samples > 0) state_->put(batch, profile_count(batch), samples, Signal::profiles_proto, Signal::profiles_json);
}

void OtlpHttpExporter::consume(const otel::Metrics& batch) {
  if (const uint64_t points = point_count(batch); points > 0)
    state_->put(batch, points, 0, Signal::metrics_proto, Signal::metrics_json);
}

void OtlpHttpExporter::tick(const Times& now) {
  state_->tick(now);
}
void OtlpHttpExporter::stop(const Times& now, uint64_t deadline_ns) {
  state_->stop(now, deadline_ns);
}
bool OtlpHttpExporter::finished() const {
  return state_->finished();
}
std::vector<NamedMetric> OtlpHttpExporter::metrics() const {
  return list(state_->counters());
}
bool OtlpHttpExporter::healthy() const {
  return state_->healthy();
}

}  // namespace splitprof::otlp
