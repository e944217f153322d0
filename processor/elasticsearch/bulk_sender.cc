// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/bulk_sender.h"

#include <algorithm>
#include <list>

#include "processor/elasticsearch/bulk_body.h"
#include "processor/elasticsearch/bulk_request.h"
#include "processor/elasticsearch/bulk_response.h"
#include "processor/elasticsearch/complaints.h"
#include "processor/elasticsearch/endpoints.h"
#include "processor/elasticsearch/gate.h"
#include "processor/elasticsearch/item_outcomes.h"
#include "processor/elasticsearch/sending.h"
#include "processor/http/backoff.h"

namespace splitprof::elasticsearch {
namespace {

// A proxy may cut the connection of a body that is too large for it before anybody can read its 413. nginx takes 1 MB
// unless told otherwise (client_max_body_size).
constexpr size_t kSuspectBytes = 1'000'000;
constexpr unsigned kSuspectCuts = 3;
// So many requests in a row without an answer, and something is wrong.
constexpr unsigned kUnhealthyFailures = 3;

constexpr const char* kWaits = "; what is to be sent waits on disk";

Group group_of(const Message& message) {
  return static_cast<Group>(message.kind);
}

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Something stands before a server that is away or overloaded: the same as no answer.
bool is_from_between(int status) {
  return status == 502 || status == 503 || status == 504;
}

// It is not about these documents: whoever runs this program has to mend the address or the credentials.
bool is_shut_door(int status) {
  return (status >= 300 && status < 400) || status == 401 || status == 403 || status == 404 || status == 405 ||
         status == 407;
}

}  // namespace

class BulkSender::State {
 public:
  State(BulkSender& owner, Parts parts, bool has_backlog, uint64_t seed);
  ~State();

  void tick(const Times& now);
  void stop(const Times& now, uint64_t deadline_ns);
  bool finished() const { return finished_; }
  bool idle() const { return sendings_.empty(); }
  bool healthy() const { return !door_shut_ && unanswered_ < kUnhealthyFailures; }

 private:
  enum class Next { keep, ended };

  void begin_more();
  void post(Sending& sending);
  Next settle(Sending& sending);
  Next settle_answer(Sending& sending, const http::Response& response);
  Next settle_items(Sending& sending, const http::Response& response);
  Next retry(Sending& sending, const std::string& why, uint64_t server_wait_ns);
  Next hand_back(Sending& sending, uint64_t wait_ns);
  Next part_ended(Sending& sending);
  void give_up(const Message& message);
  void refuse_all(const Message& message, int status, const std::string& type);
  bool split(Sending& sending);
  void shut_gate(uint64_t at_least_ns);
  void end();
  bool keeps_trying() const { return has_backlog_ && parts_.options.retry.enabled; }

  BulkSender& owner_;
  Parts parts_;
  const bool has_backlog_;
  Endpoints endpoints_;
  http::Backoff backoff_;
  Gate gate_;
  Complaints complaints_;
  ItemOutcomes outcomes_;
  Times now_;
  std::list<Sending> sendings_;        // stay where they are: requests refer to them
  unsigned unanswered_ = 0;            // requests in a row
  bool door_shut_ = false;             // the last answer was one of is_shut_door
  size_t too_large_bytes_ = SIZE_MAX;  // the server refused bodies of this size
  bool stopping_ = false;
  bool closed_ = false;    // stopping, and nothing more is begun
  bool finished_ = false;  // stopping, and nothing more is done
  uint64_t deadline_ns_ = 0;
};

BulkSender::State::State(BulkSender& owner, Parts parts, bool has_backlog, uint64_t seed)
    : owner_(owner),
      parts_(parts),
      has_backlog_(has_backlog),
      endpoints_(parts.options.endpoints),
      backoff_(parts.options.retry.initial_interval_ns, parts.options.retry.max_interval_ns, seed),
      gate_(backoff_),
      complaints_(parts.options.name),
      outcomes_(parts.options, parts.metrics, complaints_) {
  outcomes_.on_refused = [this](std::string_view action) { owner_.on_refused(action); };
  outcomes_.on_executables_not_updatable = [this] { owner_.on_executables_not_updatable(); };
}

BulkSender::State::~State() {
  for (const auto& sending : sendings_)
    if (sending.request) parts_.client.cancel(*sending.request);
}

void BulkSender::State::tick(const Times& now) {
  if (finished_) return;
  now_ = now;
  const bool over = stopping_ && now.monotonic_ns >= deadline_ns_;
  for (auto it = sendings_.begin(); it != sendings_.end();) {
    auto& sending = *it;
    if (sending.answer && settle(sending) == Next::ended) {
      it = sendings_.erase(it);
      continue;
    }
    if (!over && !sending.request && (stopping_ || now.monotonic_ns >= sending.send_at_ns)) post(sending);
    ++it;
  }
  if (over) return end();
  begin_more();
  if (stopping_ && sendings_.empty() && (closed_ || parts_.outbox.empty() || !owner_.may_send())) end();
}

void BulkSender::State::stop(const Times& now, uint64_t deadline_ns) {
  now_ = now;
  stopping_ = true;
  deadline_ns_ = deadline_ns;
  gate_.open_once();
}

void BulkSender::State::begin_more() {
  while (!closed_ && gate_.is_open(now_.monotonic_ns) && owner_.may_send()) {
    const size_t most = gate_.one_at_a_time() ? 1 : std::max<size_t>(parts_.options.queue.num_consumers, 1);
    if (sendings_.size() >= most) return;
    auto lease = parts_.outbox.take();
    if (!lease) return;
    if (auto items = items_of(*lease->message); !items) {  // of a backlog that something else wrote
      complaints_.say(log::Level::err, now_.monotonic_ns, "body", items.error().message);
      give_up(*lease->message);
      parts_.outbox.done(lease->number);
      continue;
    }
    auto& sending = sendings_.emplace_back();
    sending.number = lease->number;
    sending.parts.push_back(std::move(lease->message));
    post(sending);
  }
}

void BulkSender::State::post(Sending& sending) {
  while (sending.parts.front()->body.size() >= too_large_bytes_ && split(sending)) {
  }
  const auto& message = sending.parts.front();
  if (!sending.wire) sending.wire = wire_form(parts_.options, message);
  sending.endpoint = endpoints_.next(now_.monotonic_ns);
  const bool require_data_stream =
      wants_data_stream(parts_.options, group_of(*message)) && owner_.may_require_data_stream();
  ++parts_.metrics.requests_sent;
  parts_.metrics.request_bytes += sending.wire->size();
  parts_.metrics.request_bytes_uncompressed += message->body.size();
  sending.request = parts_.client.start(
      parts_.server,
      bulk_request(parts_.options, endpoints_.url(sending.endpoint), *message, sending.wire, require_data_stream),
      [&sending](auto answer) { sending.answer = std::move(answer); });
}

BulkSender::State::Next BulkSender::State::settle(Sending& sending) {
  const auto answer = *std::exchange(sending.answer, std::nullopt);
  sending.request.reset();
  if (answer) {
    endpoints_.answered(sending.endpoint);
    unanswered_ = 0;
    sending.cuts = 0;
    return settle_answer(sending, *answer);
  }
  const auto& error = answer.error();
  ++parts_.metrics.requests_failed;
  ++unanswered_;
  const bool never_connected = error.code == Errc::io || error.code == Errc::malformed;
  if (never_connected) {
    endpoints_.unreachable(sending.endpoint, now_.monotonic_ns);
  } else {
    sending.sent_before = true;
  }
  if (error.code == Errc::gone && ++sending.cuts >= kSuspectCuts &&
      sending.parts.front()->body.size() > kSuspectBytes && split(sending)) {
    sending.cuts = 0;
    return Next::keep;
  }
  if (never_connected && endpoints_.all_rest(now_.monotonic_ns) && keeps_trying()) {
    complaints_.say(log::Level::warn, now_.monotonic_ns, "away", error.message + kWaits);
    return hand_back(sending, 0);
  }
  return retry(sending, error.message, 0);
}

BulkSender::State::Next BulkSender::State::settle_answer(Sending& sending, const http::Response& response) {
  const int status = response.status;
  door_shut_ = is_shut_door(status);
  if (status >= 200 && status < 300) return settle_items(sending, response);
  ++parts_.metrics.requests_failed;
  const auto type = error_type_of(response.body);
  const auto words = fmt::format("the server answers with status {}{}{}", status, type.empty() ? "" : ", ", type);
  if (status == 413) {
    too_large_bytes_ = std::min(too_large_bytes_, sending.parts.front()->body.size());
    if (split(sending)) return Next::keep;
  }
  if (contains(parts_.options.retry.on_status, status) || is_from_between(status))
    return retry(sending, words, http::parse_retry_after_ns(response.retry_after).value_or(0));
  if (door_shut_) {
    complaints_.say(log::Level::err, now_.monotonic_ns, fmt::format("door {}", status),
                    words + "; nothing is sent until it takes requests: check endpoint and credentials");
    return hand_back(sending, backoff_.max_ns());
  }
  refuse_all(*sending.parts.front(), status, type);
  return part_ended(sending);
}

BulkSender::State::Next BulkSender::State::settle_items(Sending& sending, const http::Response& response) {
  const auto message = sending.parts.front();
  const auto items = items_of(*message).value();
  const auto outcomes = parse_bulk_response(response.body, items.size());
  if (!outcomes) {
    ++parts_.metrics.answers_malformed;
    ++parts_.metrics.requests_failed;
    sending.sent_before = true;
    return retry(sending, outcomes.error().message, 0);
  }
  if (gate_.one_at_a_time()) log::info("{}: the server takes requests again", parts_.options.name);
  gate_.open();
  const auto again = outcomes_.judge(group_of(*message), items, *outcomes, sending.sent_before, now_.monotonic_ns);
  if (again.empty()) return part_ended(sending);
  const auto& options = parts_.options.retry;
  if (options.enabled && !stopping_ && sending.item_tries < options.max_retries) {
    parts_.metrics.items_retried += again.size();
    sending.send_at_ns = now_.monotonic_ns + backoff_.wait_ns(++sending.item_tries);
    sending.replace_part(message_of(message->kind, again));
    parts_.outbox.replace(sending.number, sending.left());
    return Next::keep;
  }
  complaints_.say(log::Level::warn, now_.monotonic_ns, "overload",
                  keeps_trying() ? "the server cannot take documents for now: they wait here"
                                 : "the server cannot take documents: they are given up");
  if (!keeps_trying()) {
    outcomes_.give_up(group_of(*message), again);
    return part_ended(sending);
  }
  parts_.metrics.items_retried += again.size();
  sending.replace_part(message_of(message->kind, again));
  parts_.outbox.replace(sending.number, sending.left());
  return hand_back(sending, backoff_.max_ns());
}

// The whole request failed for a reason that may pass.
BulkSender::State::Next BulkSender::State::retry(Sending& sending, const std::string& why, uint64_t server_wait_ns) {
  const auto& options = parts_.options.retry;
  if (options.enabled && !stopping_ && sending.tries < options.max_retries) {
    complaints_.say(log::Level::warn, now_.monotonic_ns, "retry", why + "; it is sent again");
    ++parts_.metrics.requests_retried;
    const uint64_t wait_ns = std::max(backoff_.wait_ns(++sending.tries), std::min(server_wait_ns, backoff_.max_ns()));
    sending.send_at_ns = now_.monotonic_ns + wait_ns;
    return Next::keep;
  }
  if (keeps_trying()) {
    complaints_.say(log::Level::warn, now_.monotonic_ns, "away", why + kWaits);
    return hand_back(sending, server_wait_ns);
  }
  complaints_.say(log::Level::err, now_.monotonic_ns, "given up", why + "; the documents of the request are given up");
  shut_gate(server_wait_ns);
  give_up(*sending.parts.front());
  return part_ended(sending);
}

bool BulkSender::State::split(Sending& sending) {
  if (!sending.split()) return false;
  ++parts_.metrics.requests_split;
  return true;
}

// Into the outbox, which has it on disk from now on; nothing is begun before `wait_ns`.
BulkSender::State::Next BulkSender::State::hand_back(Sending& sending, uint64_t wait_ns) {
  ++parts_.metrics.requests_retried;
  parts_.outbox.give_back(sending.number);
  shut_gate(wait_ns);
  return Next::ended;
}

BulkSender::State::Next BulkSender::State::part_ended(Sending& sending) {
  sending.end_part();
  if (sending.parts.empty()) {
    parts_.outbox.done(sending.number);
    return Next::ended;
  }
  parts_.outbox.replace(sending.number, sending.left());
  return Next::keep;
}

void BulkSender::State::give_up(const Message& message) {
  if (const auto items = items_of(message)) return outcomes_.give_up(group_of(message), *items);
  parts_.metrics.items_given_up += message.items;
  parts_.metrics.samples_given_up += message.samples;
}

void BulkSender::State::refuse_all(const Message& message, int status, const std::string& type) {
  complaints_.say(log::Level::err, now_.monotonic_ns, fmt::format("refused {}", status),
                  fmt::format("a request of {} documents was refused: status {}, {}", message.items, status,
                              type.empty() ? "no reason given" : type));
  outcomes_.refuse_all(group_of(message), items_of(message).value());
}

void BulkSender::State::shut_gate(uint64_t at_least_ns) {
  gate_.shut(now_.monotonic_ns, at_least_ns);
  if (stopping_) closed_ = true;
}

// Ends what is under way, and without a backlog what has not begun.
void BulkSender::State::end() {
  closed_ = finished_ = true;
  for (auto& sending : sendings_) {
    if (sending.request) parts_.client.cancel(*sending.request);
    if (has_backlog_) {
      parts_.outbox.give_back(sending.number);
      continue;
    }
    for (const auto& part : sending.parts) give_up(*part);
    parts_.outbox.done(sending.number);
  }
  sendings_.clear();
  if (has_backlog_) return;
  while (auto lease = parts_.outbox.take()) {
    give_up(*lease->message);
    parts_.outbox.done(lease->number);
  }
}

BulkSender::BulkSender(Parts parts, bool has_backlog, uint64_t seed)
    : state_(std::make_unique<State>(*this, parts, has_backlog, seed)) {}
BulkSender::~BulkSender() = default;

void BulkSender::tick(const Times& now) {
  state_->tick(now);
}
void BulkSender::stop(const Times& now, uint64_t deadline_ns) {
  state_->stop(now, deadline_ns);
}
bool BulkSender::finished() const {
  return state_->finished();
}
bool BulkSender::idle() const {
  return state_->idle();
}
bool BulkSender::healthy() const {
  return state_->healthy();
}

}  // namespace splitprof::elasticsearch
