// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/exporter.h"

#include <algorithm>

#include "processor/backlog/outbox.h"
#include "processor/elasticsearch/bulk_sender.h"
#include "processor/elasticsearch/checks.h"
#include "processor/elasticsearch/encoder.h"
#include "shared/log.h"

namespace splitprof::elasticsearch {
namespace {

// A request as the collector counts them is one to each kind of index here (Group).
constexpr size_t kGroups = 6;
// Of the time to stop, what is kept for writing to disk what could not be sent.
constexpr uint64_t kMostSavingNs = 2'000'000'000;
// The share of metrics in the bytes on disk: they are a tenth of what profiles are.
constexpr uint64_t kMetricsShare = 8;
constexpr uint64_t kForgettingNs = 600'000'000'000;

Result<std::unique_ptr<Backlog>> open_backlog(const ElasticsearchOptions& options, const char* name, uint64_t max_bytes,
                                              ExporterMetrics& metrics, uint64_t unix_ns) {
  const auto& wanted = options.backlog;
  if (!wanted.enabled || wanted.folder.empty()) return std::unique_ptr<Backlog>();
  Backlog::Options backlog{
      .folder = wanted.folder + "/" + name, .max_bytes = max_bytes, .max_age_ns = wanted.max_age_ns};
  return Backlog::open(backlog, metrics, unix_ns);
}

// What waits, and who sends it.
struct Lane {
  Lane(const BulkSender::Parts& parts, bool has_backlog, uint64_t seed)
      : outbox(parts.outbox), sender(parts, has_backlog, seed) {}
  void tick(const Times& now) {
    outbox.tick(now.monotonic_ns, now.unix_ns);
    sender.tick(now);
    if (sender.finished() && !std::exchange(saved, true)) outbox.save_all();
  }
  bool finished() const { return saved && outbox.settled(); }

  Outbox& outbox;
  BulkSender sender;
  bool saved = false;
};

}  // namespace

struct ElasticsearchExporter::State {
  State(const ElasticsearchOptions& with, http::Client& with_client, std::unique_ptr<http::Server> prepared,
        const Times& start, uint64_t seed)
      : options(with),
        server(std::move(prepared)),
        checks(options, with_client, *server, seed),
        encoder(options, metrics, seed + 1, [this](Message message) { route(std::move(message)); }),
        client(with_client),
        now(start) {}

  // Not before the backlogs are open: they count in `metrics`, which has to stay where it is.
  void connect(std::unique_ptr<Backlog> profiles_backlog, std::unique_ptr<Backlog> metrics_backlog, uint64_t seed);
  void route(Message message);
  void encoded();
  void flush();
  void write_again_what_was_lost();
  bool finished() const { return stopping && profiles->finished() && metric_documents->finished(); }

  const ElasticsearchOptions options;
  ExporterMetrics metrics;
  std::unique_ptr<http::Server> server;
  Checks checks;
  Encoder encoder;
  http::Client& client;
  std::unique_ptr<Outbox> profiles_outbox, metrics_outbox;
  std::unique_ptr<Lane> profiles, metric_documents;
  Times now;
  uint64_t flush_at_ns = 0;  // of bodies that were begun; 0: none was
  uint64_t lost_before = 0;  // what lost() was when it was looked at last
  uint64_t forget_at_ns = 0;
  bool stopping = false, told = false;
};

void ElasticsearchExporter::State::connect(std::unique_ptr<Backlog> profiles_backlog,
                                           std::unique_ptr<Backlog> metrics_backlog, uint64_t seed) {
  const Outbox::Limits limits{.max_messages = std::max<size_t>(options.queue.queue_size, 1) * kGroups};
  const bool has_backlog = profiles_backlog != nullptr;
  profiles_outbox = std::make_unique<Outbox>(limits, std::move(profiles_backlog), metrics);
  metrics_outbox = std::make_unique<Outbox>(limits, std::move(metrics_backlog), metrics);
  const auto lane = [&](Outbox& outbox, uint64_t own_seed) {
    auto made =
        std::make_unique<Lane>(BulkSender::Parts{options, client, *server, outbox, metrics}, has_backlog, own_seed);
    made->sender.on_refused = [this](std::string_view action) { encoder.forget(action); };
    made->sender.on_executables_not_updatable = [this] { encoder.create_executables(); };
    made->sender.may_require_data_stream = [this] { return checks.data_stream_can_be_required(); };
    return made;
  };
  profiles = lane(*profiles_outbox, seed + 2);
  metric_documents = lane(*metrics_outbox, seed + 3);
  profiles->sender.may_send = [this] { return checks.profiles_may_go(); };
  if (!profiles_outbox->empty()) checks.expect_profiles();
  if (!metrics_outbox->empty()) checks.expect_metrics();
}

void ElasticsearchExporter::State::route(Message message) {
  const bool is_metrics = message.kind == static_cast<uint16_t>(Group::metrics);
  (is_metrics ? metrics_outbox : profiles_outbox)->put(std::move(message));
}

void ElasticsearchExporter::State::encoded() {
  const uint64_t bytes = encoder.pending_bytes();
  if (bytes == 0) return;
  if (flush_at_ns == 0) flush_at_ns = now.monotonic_ns + options.queue.flush_timeout_ns;
  if (bytes >= options.queue.min_size || !options.queue.enabled) flush();
}

void ElasticsearchExporter::State::flush() {
  encoder.flush();
  flush_at_ns = 0;
}

// Documents that were dropped unsent, because what waited was bounded, are believed to be on the server. Once it keeps
// up again everything is written once more.
void ElasticsearchExporter::State::write_again_what_was_lost() {
  const uint64_t lost = metrics.backlog_dropped + metrics.backlog_damaged + metrics.items_given_up;
  if (lost == lost_before || !profiles_outbox->empty() || now.monotonic_ns < forget_at_ns) return;
  lost_before = lost;
  forget_at_ns = now.monotonic_ns + kForgettingNs;
  encoder.forget_all();
}

ElasticsearchExporter::ElasticsearchExporter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElasticsearchExporter::~ElasticsearchExporter() = default;

Result<std::unique_ptr<ElasticsearchExporter>> ElasticsearchExporter::make(const ElasticsearchOptions& options,
                                                                           http::Client& client, const Times& now,
                                                                           uint64_t seed) {
  auto server = http::Server::prepare(options.http);
  if (!server) return Error{server.error().code, fmt::format("{}: {}", options.name, server.error().message)};
  auto state = std::make_unique<State>(options, client, std::move(server).value(), now, seed);
  const uint64_t for_metrics = options.backlog.max_bytes / kMetricsShare;
  auto profiles =
      TRY(open_backlog(options, "profiles", options.backlog.max_bytes - for_metrics, state->metrics, now.unix_ns));
  auto metrics = TRY(open_backlog(options, "metrics", for_metrics, state->metrics, now.unix_ns));
  state->connect(std::move(profiles), std::move(metrics), seed);
  return std::unique_ptr<ElasticsearchExporter>(new ElasticsearchExporter(std::move(state)));
}

void ElasticsearchExporter::consume(const otel::Profiles& batch) {
  state_->checks.expect_profiles();
  state_->encoder.encode(batch, state_->now);
  state_->encoded();
}

void ElasticsearchExporter::consume(const otel::Metrics& batch) {
  state_->checks.expect_metrics();
  state_->encoder.encode(batch, state_->now);
  state_->encoded();
}

void ElasticsearchExporter::tick(const Times& now) {
  State& state = *state_;
  state.now = now;
  state.checks.tick(now);
  if (state.flush_at_ns != 0 && now.monotonic_ns >= state.flush_at_ns) state.flush();
  state.profiles->tick(now);
  state.metric_documents->tick(now);
  if (!state.stopping) state.write_again_what_was_lost();
  if (state.finished() && !std::exchange(state.told, true) && state.metrics.backlog_messages > 0)
    log::info("{}: {} samples in {} requests were not sent and wait in {}", state.options.name,
              state.metrics.samples_waiting, state.metrics.backlog_messages, state.options.backlog.folder);
}

void ElasticsearchExporter::stop(const Times& now, uint64_t deadline_ns) {
  State& state = *state_;
  state.now = now;
  state.stopping = true;
  state.flush();
  const uint64_t left_ns = deadline_ns > now.monotonic_ns ? deadline_ns - now.monotonic_ns : 0;
  const uint64_t sending_until_ns = now.monotonic_ns + left_ns - std::min(left_ns / 4, kMostSavingNs);
  state.profiles->sender.stop(now, sending_until_ns);
  state.metric_documents->sender.stop(now, sending_until_ns);
}

bool ElasticsearchExporter::finished() const {
  return state_->finished();
}

std::vector<NamedMetric> ElasticsearchExporter::metrics() const {
  return list(state_->metrics);
}

bool ElasticsearchExporter::healthy() const {
  const State& state = *state_;
  return state.profiles->sender.healthy() && state.metric_documents->sender.healthy() && !state.checks.holds_profiles();
}

}  // namespace splitprof::elasticsearch
