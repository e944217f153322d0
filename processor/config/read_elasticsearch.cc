// SPDX-License-Identifier: Apache-2.0
//
// exporters.elasticsearch. Keys, defaults and rules are those of the elasticsearchexporter of
// opentelemetry-collector-contrib (README and config.go, v0.145 to v0.158), but for those that docs/configuration.md
// calls ours.
#include <fmt/ranges.h>

#include <algorithm>

#include "processor/config/reading.h"
#include "processor/config/url.h"

namespace splitprof::config {
namespace {

constexpr int64_t kMaxNs = INT64_MAX;

std::optional<std::string> base64_decoded(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return {};
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return {};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

// "name:BASE64" of "host[:port]$uuid of Elasticsearch$uuid of Kibana" (Elastic, "Find your Cloud ID").
std::optional<std::string> url_of_cloud_id(std::string_view id) {
  const size_t colon = id.rfind(':');
  if (colon == id.npos) return {};
  const auto decoded = base64_decoded(id.substr(colon + 1));
  if (!decoded) return {};
  const size_t first = decoded->find('$');
  if (first == decoded->npos || first == 0) return {};
  const size_t second = std::min(decoded->find('$', first + 1), decoded->size());
  const auto uuid = decoded->substr(first + 1, second - first - 1);
  if (uuid.empty()) return {};
  return "https://" + uuid + "." + decoded->substr(0, first);
}

void add_endpoint(Section& section, const char* key, const std::string& text, ElasticsearchOptions& options) {
  if (text.empty()) return section.error(key, "endpoint must not be empty");
  const auto url = parse_url(text);
  if (!url) return section.error(key, "invalid endpoint \"{}\": it {}", shown_url(text), url.error().message);
  if (url->scheme != "http" && url->scheme != "https")
    return section.error(key, "invalid endpoint \"{}\": invalid scheme \"{}\", expected \"http\" or \"https\"",
                         shown_url(text), shown_url(url->scheme));
  // User, password and query of the first one are everybody's.
  if (options.endpoints.empty()) {
    options.query = url->query;
    if (!url->user.empty()) {
      options.http.user = url->user;
      options.http.password = url->password;
    }
  }
  options.endpoints.push_back(url->endpoint());
}

void read_endpoints(Section& section, const Environment& environment, ElasticsearchOptions& options) {
  std::string endpoint, cloud_id;
  std::vector<std::string> endpoints;
  section.text("endpoint", endpoint);
  section.texts("endpoints", endpoints);
  section.text("cloudid", cloud_id);
  const int given = section.has("endpoint") + section.has("endpoints") + section.has("cloudid");
  if (given > 1) return section.error("endpoint", "exactly one of [endpoint, endpoints, cloudid] must be specified");

  const char* key = "endpoint";
  if (section.has("cloudid")) {
    key = "cloudid";
    const auto url = url_of_cloud_id(cloud_id);
    if (!url) return section.error(key, "cloudid has to be NAME:BASE64, as the console of Elastic Cloud shows it");
    endpoints = {*url};
  } else if (section.has("endpoints")) {
    key = "endpoints";
  } else if (section.has("endpoint")) {
    endpoints = {endpoint};
  } else if (const auto urls = environment("ELASTICSEARCH_URL"); urls && !urls->empty()) {
    for (std::string_view rest = *urls; !rest.empty();) {
      auto part = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
      while (part.starts_with(' ')) part.remove_prefix(1);
      while (part.ends_with(' ')) part.remove_suffix(1);
      endpoints.emplace_back(part);
    }
  }
  if (endpoints.empty())
    return section.error("endpoint",
                         "exactly one of [endpoint, endpoints, cloudid] must be specified; without any, "
                         "ELASTICSEARCH_URL of the environment is taken, which is not set");
  for (const auto& each : endpoints) add_endpoint(section, key, each, options);
}

// What older versions call the queue's keys.
void read_old_queue_keys(Section& section, QueueOptions& queue) {
  section.number("num_workers", 1, 1000, queue.num_consumers);
  const auto refuse_both = [&](Section& in, const char* old, std::initializer_list<std::string_view> path) {
    if (in.has(old) && section.contains(path))
      in.error(old, "{} is an old name of sending_queue.{}, which stands here too; keep that", old,
               fmt::join(path.begin() + 1, path.end(), "."));
  };
  refuse_both(section, "num_workers", {"sending_queue", "num_consumers"});

  Section flush = section.section("flush");
  flush.duration("interval", 1, kMaxNs, queue.flush_timeout_ns);
  flush.number("bytes", 1000, kMaxBodyBytes, queue.max_size);
  queue.min_size = std::min(queue.min_size, queue.max_size);
  refuse_both(flush, "interval", {"sending_queue", "batch", "flush_timeout"});
  refuse_both(flush, "bytes", {"sending_queue", "batch", "max_size"});
}

void read_statuses(Section& section, const char* key, std::vector<int>& out) {
  std::vector<std::string> texts;
  section.texts(key, texts);
  if (!section.has(key)) return;
  out.clear();
  for (const auto& text : texts) {
    const bool is_status = text.size() == 3 && text[0] >= '1' && text[0] <= '5' &&
                           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (is_status)
      out.push_back(std::stoi(text));
    else
      section.error(key, "{} has to be a list of HTTP statuses, from 100 to 599", key);
  }
}

void read_retry(Section retry, RetryOptions& options) {
  retry.flag("enabled", options.enabled);
  uint32_t max_retries = 0, max_requests = 0;
  retry.number("max_retries", 0, 1'000'000, max_retries);
  retry.number("max_requests", 0, 1'000'000, max_requests);
  if (max_retries > 0 && max_requests > 0)
    retry.error("max_requests", "must not specify both retry::max_requests and retry::max_retries");
  if (max_requests > 0) max_retries = max_requests - 1;
  if (max_retries > 0 || max_requests > 0) options.max_retries = max_retries;
  retry.duration("initial_interval", 1'000'000, kMaxNs, options.initial_interval_ns);
  retry.duration("max_interval", 1'000'000, kMaxNs, options.max_interval_ns);
  if (options.max_interval_ns < options.initial_interval_ns)
    retry.error("max_interval", "max_interval is below initial_interval");
  read_statuses(retry, "retry_on_status", options.on_status);
  options.on_document_status = options.on_status;
  read_statuses(retry, "retry_on_document_status", options.on_document_status);
}

void read_mapping(Section mapping) {
  static const std::vector<std::string> kModes = {"none", "ecs", "otel", "raw", "bodymap"};
  const auto known = [&](const std::string& mode) {
    return std::find(kModes.begin(), kModes.end(), mode) != kModes.end();
  };
  std::string mode = "otel";
  mapping.text("mode", mode);
  std::vector<std::string> allowed = kModes;
  mapping.texts("allowed_modes", allowed);
  for (const auto& each : allowed)
    if (!known(each)) mapping.error("allowed_modes", "unknown allowed mapping mode name \"{}\"", shown(each));
  if (!known(mode) || std::find(allowed.begin(), allowed.end(), mode) == allowed.end())
    mapping.error("mode", "invalid or disallowed default mapping mode \"{}\"", shown(mode));
  else if (mode == "ecs")
    mapping.note("mode", "metrics are written in the mode otel all the same; profiles obey profiles_schema");
  else if (mode != "otel")
    mapping.error("mode", "mapping mode \"{}\" is not supported; otel is, and profiles obey profiles_schema", mode);
}

void read_indices(Section& section, ElasticsearchOptions& options) {
  section.text("metrics_index", options.metrics_index);
  section.ignore({"logs_index", "traces_index"}, "there are no logs and traces here");
  for (const std::string signal : {"metrics", "logs", "traces"}) {
    bool enabled = false;
    {
      Section dynamic = section.section(signal + "_dynamic_index");
      dynamic.flag("enabled", enabled);
    }
    if (enabled && section.has(signal + "_index"))
      section.error(signal + "_dynamic_index", "{0}_dynamic_index and {0}_index exclude each other", signal);
  }
  Section logstash = section.section("logstash_format");
  logstash.refuse("enabled", "not supported: metrics go to data streams, or to metrics_index");
  std::string unused;
  logstash.text("prefix_separator", unused);
  logstash.text("date_format", unused);
}

void read_old_keys(Section& section) {
  section.ignore("batcher", "it is an old name; sending_queue.batch says when a request is sent");
  Section telemetry = section.section("telemetry");
  telemetry.refuse({"log_request_body", "log_response_body", "log_failed_docs_input"},
                   "not supported: what is sent may be secret, and logs are not");
  telemetry.ignore("log_failed_docs_input_rate_limit", "log_failed_docs_input is not supported");
  Section discover = section.section("discover");
  discover.refuse({"on_start", "interval"}, "not supported: list the nodes in endpoints");
  section.ignore("metadata_keys", "what is sent here has no client metadata");
}

void read_own_keys(Section& section, ElasticsearchOptions& options) {
  section.choice("profiles_schema", {"ecs", "otel"}, options.profiles_schema);
  const bool ecs = options.profiles_schema == ElasticsearchOptions::ProfilesSchema::ecs;
  options.symbolization_queues = options.downsampled_events = ecs;
  section.flag("symbolization_queues", options.symbolization_queues);
  if (!ecs && options.symbolization_queues)
    section.error("symbolization_queues", "the schema otel has no symbolization queues");
  section.flag("downsampled_events", options.downsampled_events);
  section.flag("require_setup", options.require_setup);
  section.flag("keep_process_attributes", options.keep_process_attributes);
}

}  // namespace

ElasticsearchOptions read_elasticsearch(Section& section, Reading& reading, const std::string& name) {
  ElasticsearchOptions options;
  options.name = name;
  section.text("user", options.http.user);
  section.text("password", options.http.password);
  section.text("api_key", options.http.api_key);
  read_http_client(section, reading, options.http);
  read_endpoints(section, reading.environment, options);

  read_old_queue_keys(section, options.queue);
  read_sending(section, reading, name, Batches::by_bytes, options.queue, options.backlog);
  read_retry(section.section("retry"), options.retry);
  read_mapping(section.section("mapping"));
  read_indices(section, options);
  section.text("pipeline", options.pipeline);
  if (section.has("include_source_on_error")) {
    bool value = false;
    section.flag("include_source_on_error", value);
    options.include_source_on_error = value;
  }
  section.text("bulk_response_filter_path", options.bulk_response_filter_path);
  section.flag("suppress_conflict_errors", options.suppress_conflict_errors);
  read_old_keys(section);
  read_own_keys(section, options);
  return options;
}

}  // namespace splitprof::config
