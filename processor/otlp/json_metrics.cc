// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/fields.h"
#include "processor/otlp/json_encode.h"

namespace splitprof::otlp {
namespace {

void put_points(JsonWriter& out, const otel::Metric& metric) {
  out.key("dataPoints");
  out.begin_array();
  for (const auto& point : metric.points) {
    out.begin_object();
    put_attributes(out, "attributes", point.attributes);
    put_unsigned64(out, "startTimeUnixNano", point.start_time_ns);
    put_unsigned64(out, "timeUnixNano", point.time_ns);
    out.key("asInt");
    out.integer64(point.value);
    out.end_object();
  }
  out.end_array();
}

void write_metric(JsonWriter& out, const otel::Metric& metric) {
  out.begin_object();
  put_text(out, "name", metric.name);
  put_text(out, "description", metric.description);
  put_text(out, "unit", metric.unit);
  const bool gauge = metric.kind == otel::Metric::Kind::gauge;
  out.key(gauge ? "gauge" : "sum");
  out.begin_object();
  put_points(out, metric);
  if (!gauge) {
    put_number(out, "aggregationTemporality", field::kTemporalityDelta);
    out.key("isMonotonic");
    out.boolean(true);
  }
  out.end_object();
  out.end_object();
}

}  // namespace

std::string to_json(const otel::Metrics& metrics) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("resourceMetrics");
  out.begin_array();
  for (const auto& resource : metrics.resources) {
    out.begin_object();
    put_resource(out, resource.resource);
    out.key("scopeMetrics");
    out.begin_array();
    for (const auto& scope : resource.scopes) {
      out.begin_object();
      put_scope(out, scope.scope);
      out.key("metrics");
      out.begin_array();
      for (const auto& metric : scope.metrics) write_metric(out, metric);
      out.end_array();
      out.end_object();
    }
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return text;
}

}  // namespace splitprof::otlp
