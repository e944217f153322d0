// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/metric_target.h"

#include <algorithm>

namespace splitprof::elasticsearch {
namespace {

// Elastic's naming scheme for data streams: what is not allowed in their names, and how long a part may be.
constexpr std::string_view kForbidden = "\\/*?\"<>| ,#:";
constexpr size_t kMaxPartBytes = 100;
constexpr size_t kMaxIndexBytes = 255;  // "Create index API"
constexpr std::string_view kDatasetSuffix = ".otel";

std::string clean(std::string_view text, std::string_view also_forbidden, size_t max_bytes) {
  std::string clean(text.substr(0, max_bytes));
  for (char& c : clean) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool bad = kForbidden.find(c) != kForbidden.npos || also_forbidden.find(c) != also_forbidden.npos;
    if (bad || static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) >= 0x7f) c = '_';
  }
  return clean;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

// "profilingmetricsconnector" of ".../connector/profilingmetricsconnector/…"; empty: it is called otherwise.
std::string_view component_of(std::string_view scope_name) {
  for (const std::string_view kind : {"receiver", "connector"}) {
    const auto found = scope_name.find("/" + std::string(kind) + "/");
    if (found == scope_name.npos) continue;
    const auto rest = scope_name.substr(found + kind.size() + 2);
    const auto word = rest.substr(0, static_cast<size_t>(std::ranges::find_if_not(rest, is_word) - rest.begin()));
    const auto end = word.rfind(kind);
    if (end != word.npos) return word.substr(0, end + kind.size());
  }
  return {};
}

}  // namespace

MetricTarget metric_target(std::string_view index, const otel::Attributes& point, const otel::Scope& scope,
                           const otel::Attributes& resource) {
  const auto text = [&](std::string_view key) -> std::string_view {
    for (const auto* attributes : {&point, &scope.attributes, &resource}) {
      if (const auto* value = otel::find(*attributes, key)) return otel::text_of(*value);
    }
    return {};
  };
  if (!index.empty()) return {std::string(index), {}, {}};
  if (const auto named = text("elasticsearch.index"); !named.empty()) {
    return {std::string(named.substr(0, kMaxIndexBytes)), {}, {}};
  }

  std::string_view dataset = text("data_stream.dataset");
  if (dataset.empty()) {
    if (const auto* format = otel::find(scope.attributes, "encoding.format")) dataset = otel::text_of(*format);
  }
  if (dataset.empty()) dataset = component_of(scope.name);
  if (dataset.empty()) dataset = "generic";
  std::string_view name_space = text("data_stream.namespace");
  if (name_space.empty()) name_space = "default";

  MetricTarget target;
  target.dataset = clean(dataset, "-", kMaxPartBytes - kDatasetSuffix.size()) + std::string(kDatasetSuffix);
  target.name_space = clean(name_space, "", kMaxPartBytes);
  target.index = "metrics-" + target.dataset + "-" + target.name_space;
  return target;
}

bool is_target_attribute(std::string_view key) {
  constexpr std::string_view kKeys[] = {
      "data_stream.type",          "data_stream.dataset",
      "data_stream.namespace",     "elasticsearch.index",
      "elasticsearch.document_id", "elasticsearch.mapping.hints",
      "elastic.mapping.mode",      "elasticsearch.document_pipeline",
  };
  return std::ranges::find(kKeys, key) != std::end(kKeys);
}

}  // namespace splitprof::elasticsearch
