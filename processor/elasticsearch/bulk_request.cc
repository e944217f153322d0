// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/bulk_request.h"

#include "processor/http/gzip.h"

namespace splitprof::elasticsearch {
namespace {

// An answer has about 60 bytes for each document as filtered, a few hundred where each is refused with a reason.
constexpr uint64_t kMaxAnswerBytes = 32u << 20;

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       std::string_view("-._~,*").find(c) != std::string_view::npos;
    plain ? void(out += c) : void(out += fmt::format("%{:02X}", static_cast<uint8_t>(c)));
  }
  return out;
}

// Without the statuses there is no telling what became of a document.
std::string filter_path(const ElasticsearchOptions& options) {
  const auto& wanted = options.bulk_response_filter_path;
  constexpr std::string_view kStatus = "items.*.status";
  if (wanted.empty() || wanted.find(kStatus) != std::string::npos) return wanted;
  return wanted + "," + std::string(kStatus);
}

}  // namespace

bool wants_data_stream(const ElasticsearchOptions& options, Group group) {
  // A static target of metrics may be an index.
  if (group == Group::metrics) return options.metrics_index.empty();
  if (options.profiles_schema == ElasticsearchOptions::ProfilesSchema::otel) return true;
  // Of the ecs schema the other names are aliases of indices, which a server refuses when a data stream is required.
  return group == Group::events || group == Group::downsampled;
}

std::shared_ptr<const std::string> wire_form(const ElasticsearchOptions& options,
                                             const std::shared_ptr<const Message>& message) {
  if (options.http.compression == "none") return {message, &message->body};
  return std::make_shared<const std::string>(http::gzip(message->body, options.http.compression_level));
}

http::Request bulk_request(const ElasticsearchOptions& options, const std::string& endpoint, const Message& message,
                           std::shared_ptr<const std::string> wire, bool require_data_stream) {
  std::string url = endpoint + "/_bulk";
  auto add = [&, separator = '?'](const std::string& parameter) mutable {
    url += separator + parameter;
    separator = '&';
  };
  if (const auto filter = filter_path(options); !filter.empty()) add("filter_path=" + percent_encoded(filter));
  if (require_data_stream) add("require_data_stream=true");
  if (!options.pipeline.empty()) add("pipeline=" + percent_encoded(options.pipeline));
  if (options.include_source_on_error) add(fmt::format("include_source_on_error={}", *options.include_source_on_error));
  if (!options.query.empty()) add(options.query);
  http::Request request{.url = url, .body = std::move(wire), .max_answer_bytes = kMaxAnswerBytes};
  request.headers = {"Content-Type: application/x-ndjson", fmt::format("X-Elastic-Event-Count: {}", message.items),
                     fmt::format("X-Elastic-Uncompressed-Request-Length: {}", message.body.size())};
  if (options.http.compression != "none") request.headers.push_back("Content-Encoding: gzip");
  return request;
}

}  // namespace splitprof::elasticsearch
