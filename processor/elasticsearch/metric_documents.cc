// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/metric_documents.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "processor/elasticsearch/attribute_json.h"

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr std::string_view kTemplate = "gauge_long";  // of gauges, and of sums that are not cumulative

// Another one for each process or each start of it: as dimensions they would make a time series of each.
bool is_of_one_process(std::string_view key) {
  constexpr std::string_view kKeys[] = {
      "process.pid",          "process.parent_pid",       "process.vpid",
      "process.real_user.id", "process.creation.time",    "process.exit.time",
      "process.exit.code",    "process.group_leader.pid", "process.title",
      "process.command",      "process.command_line",     "process.session_leader.pid",
      "process.command_args", "process.interactive",      "process.working_directory",
  };
  return std::ranges::find(kKeys, key) != std::end(kKeys) || key.starts_with("process.environment_variable.");
}

int64_t add_saturated(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

void append_member(std::string& out, std::string_view name, std::string_view json) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += name;
  out += "\":";
  out += json;
}

std::string quoted(const JsonText& text, std::string_view value) {
  std::string json;
  text.append_quoted(json, value);
  return json;
}

constexpr std::string_view kEmptyObject = "{}";

bool is_marked_not_to_be_indexed(const otel::NumberPoint& point) {
  const auto* hints = otel::find(point.attributes, "elasticsearch.mapping.hints");
  const auto* list = hints == nullptr ? nullptr : std::get_if<otel::Value::Array>(&hints->v);
  return list != nullptr &&
         std::ranges::any_of(*list, [](const otel::Value& hint) { return otel::text_of(hint) == "_noindex"; });
}

}  // namespace

MetricDocuments::MetricDocuments(Options options, Bodies& bodies, ExporterMetrics& metrics)
    : options_(std::move(options)), bodies_(bodies), metrics_(metrics), json_(metrics.texts_cut) {}

uint32_t MetricDocuments::Shared::number(std::string key, std::string json) {
  const auto [found, is_new] = numbers.emplace(std::move(key), static_cast<uint32_t>(texts.size()));
  if (is_new) texts.push_back(std::move(json));
  return found->second;
}

void MetricDocuments::begin_batch() {
  resources_ = {};
  scopes_ = {};
  documents_.clear();
  numbers_.clear();
}

void MetricDocuments::encode(const otel::Metrics& batch) {
  begin_batch();
  for (const auto& [resource, scopes] : batch.resources) {
    const uint32_t resource_number = number_of(resource);
    for (const auto& [scope, metrics] : scopes) {
      const Origin origin{resource, scope, resource_number, number_of(scope)};
      for (const auto& metric : metrics) {
        for (const auto& point : metric.points) add(point, metric, origin);
      }
    }
  }
  for (const Document& document : documents_) write(document);
  begin_batch();  // the documents point into the old one
}

uint32_t MetricDocuments::number_of(const otel::Resource& resource) {
  std::string attributes;
  append_attributes(attributes, resource.attributes, json_, [&](std::string_view key) {
    return !is_target_attribute(key) && (options_.keep_process_attributes || !is_of_one_process(key));
  });
  std::string json = "{";
  if (attributes != kEmptyObject) append_member(json, "attributes", attributes);
  if (resource.dropped_attributes > 0) {
    append_member(json, "dropped_attributes_count", std::to_string(resource.dropped_attributes));
  }
  json += '}';
  return resources_.number(std::move(attributes), std::move(json));
}

uint32_t MetricDocuments::number_of(const otel::Scope& scope) {
  std::string attributes, json = "{";
  append_attributes(attributes, scope.attributes, json_,
                    [](std::string_view key) { return !is_target_attribute(key); });
  if (!scope.name.empty()) append_member(json, "name", quoted(json_, scope.name));
  std::string key = json + attributes;  // the version makes no other time series
  if (!scope.version.empty()) append_member(json, "version", quoted(json_, scope.version));
  if (attributes != kEmptyObject) append_member(json, "attributes", attributes);
  if (scope.dropped_attributes > 0) {
    append_member(json, "dropped_attributes_count", std::to_string(scope.dropped_attributes));
  }
  json += '}';
  return scopes_.number(std::move(key), std::move(json));
}

void MetricDocuments::add(const otel::NumberPoint& point, const otel::Metric& metric, const Origin& origin) {
  if (metric.name.empty() || is_marked_not_to_be_indexed(point)) {
    ++metrics_.points_without_document;
    return;
  }
  Document document;
  document.target = metric_target(options_.index, point.attributes, origin.scope, origin.resource.attributes);
  append_attributes(document.attributes, point.attributes, json_,
                    [](std::string_view key) { return !is_target_attribute(key); });
  document.time_ms = point.time_ns / kNsPerMs;
  document.start_ms = point.start_time_ns / kNsPerMs;

  // JSON holds no raw control character, so this is unambiguous. The begin of a point's time is no dimension.
  const std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", document.time_ms, origin.resource_number, origin.scope_number,
                  document.attributes, quoted(json_, document.target.index), metric.unit);
  const auto [found, is_new] = numbers_.emplace(key, documents_.size());
  if (is_new) {
    document.resource = origin.resource_number;
    document.scope = origin.scope_number;
    document.unit = metric.unit;
    documents_.push_back(std::move(document));
  } else if (document.start_ms > 0) {
    uint64_t& start_ms = documents_[found->second].start_ms;
    start_ms = start_ms == 0 ? document.start_ms : std::min(start_ms, document.start_ms);
  }
  int64_t& value = documents_[found->second].values.emplace(metric.name, 0).first->second;
  value = add_saturated(value, point.value);
}

void MetricDocuments::write(const Document& document) {
  if (bodies_.batch_is_full()) {
    metrics_.points_without_document += document.values.size();
    return;
  }
  std::string& out = bodies_.begin(Group::metrics);
  out += R"({"create":{"_index":)";
  json_.append_quoted(out, document.target.index);
  out += R"(,"dynamic_templates":{)";
  std::string values = "{";
  std::vector<std::string_view> names;
  for (const auto& [name, value] : document.values) {
    if (!names.empty()) out += ',';
    out += "\"metrics.";
    json_.append(out, name);
    out += "\":\"";
    out += kTemplate;
    out += '"';
    names.push_back(name);
    if (values.size() > 1) values += ',';
    json_.append_quoted(values, name);
    values += ':';
    append_number(values, value);
  }
  out += "}}}\n";
  values += '}';

  out += R"({"@timestamp":)";
  append_number(out, document.time_ms);
  if (document.start_ms > 0) {
    out += R"(,"start_timestamp":)";
    append_number(out, document.start_ms);
  }
  if (!document.unit.empty()) {
    out += R"(,"unit":)";
    json_.append_quoted(out, document.unit);
  }
  if (!document.target.dataset.empty()) {
    out += R"(,"data_stream":{"type":"metrics","dataset":)";
    json_.append_quoted(out, document.target.dataset);
    out += R"(,"namespace":)";
    json_.append_quoted(out, document.target.name_space);
    out += '}';
  }
  if (document.attributes != kEmptyObject) append_member(out, "attributes", document.attributes);
  append_member(out, "resource", resources_.texts[document.resource]);
  append_member(out, "scope", scopes_.texts[document.scope]);
  append_member(out, "metrics", values);
  append_member(out, "_metric_names_hash", quoted(json_, metric_names_hash(names)));
  out += "}\n";
  bodies_.end(Group::metrics);
}

std::string metric_names_hash(const std::vector<std::string_view>& names) {
  std::string joined;
  for (const auto name : names) joined += name;
  return fmt::format("{:x}", XXH64(joined.data(), joined.size(), 0));
}

}  // namespace splitprof::elasticsearch
