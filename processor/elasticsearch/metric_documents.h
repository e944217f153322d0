// SPDX-License-Identifier: Apache-2.0
//
// MetricDocuments: metrics to documents of time-series data streams, as the server's OpenTelemetry templates want them.
// Points that agree in everything that makes a time series share a document; were they two, the server would take the
// first only. Points of one metric that agree in that, too, are added. Export thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "processor/elasticsearch/bodies.h"
#include "processor/elasticsearch/json_text.h"
#include "processor/elasticsearch/metric_target.h"
#include "processor/otel/metrics.h"
#include "processor/pipelines/component.h"

namespace splitprof::elasticsearch {

class MetricDocuments {
 public:
  struct Options {
    std::string index;  // of every document; empty: a data stream by the attributes
    bool keep_process_attributes = false;
  };

  // `bodies` and `metrics` outlive it.
  MetricDocuments(Options options, Bodies& bodies, ExporterMetrics& metrics);

  void encode(const otel::Metrics& batch);

 private:
  // Texts of JSON that many documents share, each kept once, by what makes it different from others.
  struct Shared {
    uint32_t number(std::string key, std::string json);
    std::unordered_map<std::string, uint32_t> numbers;
    std::vector<std::string> texts;
  };
  // What is the same for all points of a scope.
  struct Origin {
    const otel::Resource& resource;
    const otel::Scope& scope;
    uint32_t resource_number = 0, scope_number = 0;  // of resources_, scopes_
  };
  struct Document {
    MetricTarget target;
    uint32_t resource = 0, scope = 0;
    std::string attributes;  // JSON
    std::string unit;
    uint64_t time_ms = 0, start_ms = 0;
    std::map<std::string_view, int64_t> values;  // by the metric's name
  };

  void begin_batch();
  uint32_t number_of(const otel::Resource& resource);
  uint32_t number_of(const otel::Scope& scope);
  void add(const otel::NumberPoint& point, const otel::Metric& metric, const Origin& origin);
  void write(const Document& document);

  Options options_;
  Bodies& bodies_;
  ExporterMetrics& metrics_;
  JsonText json_;
  // Of one batch.
  Shared resources_, scopes_;
  std::vector<Document> documents_;
  std::unordered_map<std::string, size_t> numbers_;  // of documents_, by what makes a time series
};

// Lower-case hexadecimal digits, without leading zeros. `names` is sorted.
std::string metric_names_hash(const std::vector<std::string_view>& names);

}  // namespace splitprof::elasticsearch
