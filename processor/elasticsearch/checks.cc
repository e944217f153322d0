// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/checks.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "shared/log.h"

namespace splitprof::elasticsearch {
namespace {

using nlohmann::json;

constexpr uint64_t kLaterNs = 600'000'000'000;
constexpr uint64_t kSoonNs = 1'000'000'000, kSoonMostNs = 60'000'000'000;
constexpr uint64_t kMaxAnswerBytes = 1u << 20;

struct Version {
  unsigned major = 0, minor = 0;
};

// Of "9.5.3" or "9.6.0-SNAPSHOT".
std::optional<Version> parse_version(const std::string& text) {
  Version version;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, version.major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return std::nullopt;
  if (std::from_chars(first.ptr + 1, end, version.minor).ec != std::errc()) return std::nullopt;
  return version;
}

bool older(Version version, unsigned major, unsigned minor) {
  return version.major < major || (version.major == major && version.minor < minor);
}

// The member at the end of `path`; null: it is not there.
const json* find(const json& whole, std::initializer_list<const char*> path) {
  const json* at = &whole;
  for (const char* name : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

bool is_otel(const ElasticsearchOptions& options) {
  return options.profiles_schema == ElasticsearchOptions::ProfilesSchema::otel;
}

}  // namespace

Checks::Checks(const ElasticsearchOptions& options, http::Client& client, const http::Server& server, uint64_t seed)
    : options_(options),
      client_(client),
      server_(server),
      endpoints_(options.endpoints),
      backoff_(kSoonNs, kSoonMostNs, seed),
      version_{.path = "/", .read = &Checks::read_version, .wanted = true},
      profiles_{.path = is_otel(options) ? "/_index_template/profiling-events-otel@template" : "/_profiling/status",
                .read = is_otel(options) ? &Checks::read_otel : &Checks::read_ecs},
      metrics_{.path = "/_index_template/metrics-otel@template", .read = &Checks::read_metrics},
      profiles_may_go_(is_otel(options) || !options.require_setup) {}

Checks::~Checks() {
  for (const auto* question : {&version_, &profiles_, &metrics_})
    if (question->request) client_.cancel(*question->request);
}

void Checks::tick(const Times& now) {
  for (auto* question : {&version_, &profiles_, &metrics_}) {
    if (question->answer) take(*question, now);
    if (question->wanted && !question->done && !question->request && now.monotonic_ns >= question->ask_at_ns)
      ask(*question, now);
  }
}

void Checks::ask(Question& question, const Times& now) {
  const size_t endpoint = endpoints_.next(now.monotonic_ns);
  http::Request request{.method = "GET", .url = endpoints_.url(endpoint) + question.path};
  request.max_answer_bytes = kMaxAnswerBytes;
  question.request =
      client_.start(server_, std::move(request), [&question](auto answer) { question.answer = std::move(answer); });
}

void Checks::take(Question& question, const Times& now) {
  const auto answer = *std::exchange(question.answer, std::nullopt);
  question.request.reset();
  After after = After::ask_soon;
  if (answer) {
    // 401 is not said here: whatever is sent will meet it, too.
    const bool tells = answer->status < 500 && answer->status != 401 && answer->status != 429;
    if (tells) after = (this->*question.read)(*answer);
  } else {
    warn_once(said_silent_, answer.error().message + "; it is asked again until it answers");
  }
  question.done = after == After::done;
  if (after == After::ask_later) question.ask_at_ns = now.monotonic_ns + kLaterNs;
  if (after == After::ask_soon) question.ask_at_ns = now.monotonic_ns + backoff_.wait_ns(++question.failures);
}

Checks::After Checks::read_version(const http::Response& response) {
  if (response.status != 200) return After::done;  // not permitted, or a node that does not say
  const auto body = json::parse(response.body, nullptr, false);
  const auto* number = find(body, {"version", "number"});
  const auto version =
      number != nullptr && number->is_string() ? parse_version(number->get<std::string>()) : std::nullopt;
  if (response.product != "Elasticsearch" || !version) {
    log::warn("{}: what answers does not say that it is Elasticsearch; it is sent to all the same", options_.name);
    return After::done;
  }
  log::info("{}: Elasticsearch {}.{}", options_.name, version->major, version->minor);
  data_stream_can_be_required_ = !older(*version, 8, 12);
  if (is_otel(options_) && older(*version, 9, 6))
    log::warn("{}: profiles of schema otel need Elasticsearch 9.6 or newer; \"profiles_schema: ecs\" is for older ones",
              options_.name);
  return After::done;
}

Checks::After Checks::read_ecs(const http::Response& response) {
  const auto body = json::parse(response.body, nullptr, false);
  const auto* created = find(body, {"resources", "created"});
  if (response.status != 200 || created == nullptr || !created->is_boolean()) {
    warn_once(
        said_unknown_,
        fmt::format("the server does not say whether Universal Profiling is set up (status {}): profiles are sent",
                    response.status));
    profiles_may_go_ = true;
    return After::done;
  }
  if (created->get<bool>()) {
    if (said_missing_) log::info("{}: Universal Profiling is set up now", options_.name);
    profiles_may_go_ = true;
    return After::done;
  }
  if (profiles_may_go_) {  // not required
    warn_once(said_missing_, "Universal Profiling is not set up on the server; profiles are sent all the same");
  } else {
    warn_once(said_missing_,
              "Universal Profiling is not set up on the server: profiles wait here. Set it up in Kibana "
              "(Observability, Universal Profiling); it is asked for every 10 minutes");
  }
  return After::ask_later;
}

Checks::After Checks::read_otel(const http::Response& response) {
  if (response.status == 404)
    warn_once(said_missing_,
              "the server has no templates for profiles of schema otel (Elasticsearch 9.6): it will refuse them");
  return response.status == 404 ? After::ask_later : After::done;
}

Checks::After Checks::read_metrics(const http::Response& response) {
  if (response.status == 404)
    warn_once(said_metrics_,
              "the server has no template for OpenTelemetry's metrics (Elasticsearch 8.16): it will refuse them");
  return response.status == 404 ? After::ask_later : After::done;
}

void Checks::warn_once(bool& said, const std::string& text) {
  if (!std::exchange(said, true)) log::warn("{}: {}", options_.name, log::printable(text, 1024));
}

}  // namespace splitprof::elasticsearch
