// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/proto_encode.h"
#include "processor/otlp/proto_writer.h"

namespace splitprof::otlp {
namespace {

template <typename Data>
void write_points(Writer<Data>& out, const otel::Metric& metric) {
  using Field = field::NumberDataPoint;
  for (const auto& point : metric.points)
    add_message<Field>(out, Data::data_points, [&](auto& inner) {
      put_fixed64(inner, Field::start_time_unix_nano, point.start_time_ns);
      put_fixed64(inner, Field::time_unix_nano, point.time_ns);
      inner.add_sfixed64(Field::as_int, point.value);  // 0 as well: it says of which type the value is
      add_attributes(inner, Field::attributes, point.attributes);
    });
}

void write_metric(Writer<field::Metric>& out, const otel::Metric& metric) {
  using Field = field::Metric;
  put_text(out, Field::name, metric.name);
  put_text(out, Field::description, metric.description);
  put_text(out, Field::unit, metric.unit);
  if (metric.kind == otel::Metric::Kind::gauge)
    add_message<field::Gauge>(out, Field::gauge, [&](auto& gauge) { write_points(gauge, metric); });
  else
    add_message<field::Sum>(out, Field::sum, [&](auto& sum) {
      write_points(sum, metric);
      sum.add_enum(field::Sum::aggregation_temporality, field::kTemporalityDelta);
      sum.add_bool(field::Sum::is_monotonic, true);
    });
}

void write_scope_metrics(Writer<field::ScopeMetrics>& out, const otel::ScopeMetrics& scope) {
  using Field = field::ScopeMetrics;
  add_message<field::Scope>(out, Field::scope, [&](auto& inner) { write_scope(inner, scope.scope); });
  for (const auto& metric : scope.metrics)
    add_message<field::Metric>(out, Field::metrics, [&](auto& inner) { write_metric(inner, metric); });
}

void write_resource_metrics(Writer<field::ResourceMetrics>& out, const otel::ResourceMetrics& resource) {
  using Field = field::ResourceMetrics;
  add_message<field::Resource>(out, Field::resource, [&](auto& inner) { write_resource(inner, resource.resource); });
  for (const auto& scope : resource.scopes)
    add_message<field::ScopeMetrics>(out, Field::scope_metrics,
                                     [&](auto& inner) { write_scope_metrics(inner, scope); });
}

}  // namespace

std::string to_proto(const otel::Metrics& metrics) {
  using Field = field::MetricsData;
  std::string buffer;
  Writer<Field> out(buffer);
  for (const auto& resource : metrics.resources)
    add_message<field::ResourceMetrics>(out, Field::resource_metrics,
                                        [&](auto& inner) { write_resource_metrics(inner, resource); });
  return buffer;
}

}  // namespace splitprof::otlp
