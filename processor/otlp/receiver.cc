// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/receiver.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "processor/http/server.h"
#include "processor/otlp/codec.h"
#include "processor/otlp/gunzip.h"
#include "processor/otlp/status.h"
#include "processor/telemetry/receiver_metrics.h"

namespace splitprof::otlp {
namespace {

// What a body may become: a text of one byte in a table is a few bytes, a sample of two bytes is 32.
constexpr uint64_t kDecodedTimes = 4;
constexpr uint64_t kMinDecodedBytes = 64u << 20;
constexpr const char* kRetryAfter = "1";  // seconds; the export thread needs less than that for a batch

// Of a header like "application/json; charset=utf-8".
std::string media_type(std::string_view header) {
  header = header.substr(0, header.find(';'));
  while (!header.empty() && header.back() == ' ') header.remove_suffix(1);
  std::string out(header);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  return out;
}

std::optional<Encoding> encoding_of(std::string_view content_type) {
  const auto type = media_type(content_type);
  if (type == otlp::content_type(Encoding::proto)) return Encoding::proto;
  if (type == otlp::content_type(Encoding::json)) return Encoding::json;
  return std::nullopt;
}

http::Answer refusal(int status, RpcCode code, std::string_view message, Encoding encoding) {
  return {.status = status, .content_type = content_type(encoding), .body = encode_status(code, message, encoding)};
}

}  // namespace

struct OtlpReceiver::State {
  OtlpReceiverOptions options;
  http::ListeningSockets sockets;
  uint16_t port = 0;
  Intake* intake = nullptr;
  mutable std::mutex mutex;
  ReceiverMetrics counters;       // guarded by mutex
  std::vector<NamedMetric> last;  // of the service, when it was stopped
  std::unique_ptr<http::LocalService> service;

  void count(uint64_t ReceiverMetrics::*counter, uint64_t more = 1) {
    const std::lock_guard lock(mutex);
    counters.*counter += more;
  }

  http::Answer take(http::Call call) {
    count(&ReceiverMetrics::bytes_received, call.body.size());
    const auto encoding = encoding_of(call.content_type);
    if (!encoding) {
      count(&ReceiverMetrics::batches_unsupported);
      return {.status = 415, .body = "Content-Type has to be application/x-protobuf or application/json\n"};
    }
    const auto compression = media_type(call.content_encoding);
    if (compression == "gzip") {
      auto body = gunzip(call.body, options.max_request_bytes);
      if (!body) return refuse(body.error(), *encoding);
      call.body = std::move(*body);
    } else if (!compression.empty() && compression != "identity") {
      count(&ReceiverMetrics::batches_unsupported);
      return refusal(415, RpcCode::invalid_argument, "Content-Encoding has to be gzip or absent", *encoding);
    }
    const DecodeLimits limits{.memory_bytes = std::max(kMinDecodedBytes, kDecodedTimes * options.max_request_bytes)};
    auto decoded = decode_profiles(call.body, *encoding, limits);
    if (!decoded) return refuse(decoded.error(), *encoding);
    call.body = {};
    return hand_on(std::move(*decoded), *encoding);
  }

  http::Answer refuse(const Error& error, Encoding encoding) {
    if (error.code == Errc::too_large) {
      count(&ReceiverMetrics::batches_too_large);
      return refusal(413, RpcCode::resource_exhausted, error.message, encoding);
    }
    count(&ReceiverMetrics::batches_malformed);
    return refusal(400, RpcCode::invalid_argument, error.message, encoding);
  }

  http::Answer hand_on(otel::Profiles profiles, Encoding encoding) {
    const uint64_t samples = profiles.sample_count();
    if (samples == 0) {
      count(&ReceiverMetrics::batches_empty);
    } else if (!intake->submit(std::make_shared<const otel::Profiles>(std::move(profiles)))) {
      count(&ReceiverMetrics::batches_not_taken);
      auto answer = refusal(503, RpcCode::unavailable, "the pipelines do not keep up; send it again", encoding);
      answer.headers.emplace_back("Retry-After", kRetryAfter);
      return answer;
    } else {
      const std::lock_guard lock(mutex);
      ++counters.batches_received;
      counters.samples_received += samples;
    }
    return {.status = 200, .content_type = content_type(encoding), .body = std::string(full_success(encoding))};
  }
};

Result<std::unique_ptr<OtlpReceiver>> OtlpReceiver::make(const OtlpReceiverOptions& options) {
  auto sockets = http::listen(options.host, options.port);
  if (!sockets) return fail(sockets.error().code, "receiver {}: {}", options.name, sockets.error().message);
  auto state = std::make_unique<State>();
  state->options = options;
  state->port = sockets->port;
  state->sockets = std::move(*sockets);
  return std::unique_ptr<OtlpReceiver>(new OtlpReceiver(std::move(state)));
}

OtlpReceiver::OtlpReceiver(std::unique_ptr<State> state) : state_(std::move(state)) {}
OtlpReceiver::~OtlpReceiver() = default;

void OtlpReceiver::start(Intake& intake) {
  State& state = *state_;
  state.intake = &intake;
  std::vector<http::Route> routes;
  routes.push_back({"POST", state.options.profiles_path, state.options.max_request_bytes,
                    [&state](http::Call call) { return state.take(std::move(call)); }});
  // As many bodies at once as the pipelines may be behind would be too many.
  const http::LocalServiceLimits limits{.body_bytes_in_flight = 2 * state.options.max_request_bytes};
  state.service = http::LocalService::start("otlp", std::move(state.sockets), std::move(routes), limits);
}

uint16_t OtlpReceiver::port() const {
  return state_->port;
}

void OtlpReceiver::tick(const Times&) {}

void OtlpReceiver::stop(const Times&, uint64_t) {
  if (!state_->service) return;
  state_->last = state_->service->metrics();
  state_->service.reset();
}

bool OtlpReceiver::finished() const {
  return state_->service == nullptr;
}

std::vector<NamedMetric> OtlpReceiver::metrics() const {
  const std::lock_guard lock(state_->mutex);
  auto all = list(state_->counters);
  for (const auto& metric : state_->service ? state_->service->metrics() : state_->last) all.push_back(metric);
  return all;
}

}  // namespace splitprof::otlp
