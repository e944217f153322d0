// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/resource_writer.h"

namespace splitprof::metrics {
namespace {

// The collector's connector, by its name: the Elasticsearch exporter makes the name of the data stream from it.
constexpr std::string_view kScopeName =
    "github.com/elastic/opentelemetry-collector-components/connector/profilingmetricsconnector";

}  // namespace

ResourceWriter::ResourceWriter(const otel::Resource& resource, const Envelope& envelope)
    : start_time_ns_(envelope.start_time_ns) {
  written_.resource = resource;
  written_.scopes.resize(1);
  written_.scopes[0].scope.name = kScopeName;
  written_.scopes[0].scope.version = envelope.scope_version;
  place_.fill(-1);
}

void ResourceWriter::add(const Point& point, const SeriesTable& series) {
  auto& metrics = written_.scopes[0].metrics;
  const auto number = series[point.series].metric;
  if (place_[number] < 0) {
    const auto& text = text_of(number);
    place_[number] = static_cast<int8_t>(metrics.size());
    metrics.push_back({.name = std::string(text.name),
                       .description = std::string(text.description),
                       .unit = "1",
                       .kind = text.gauge ? otel::Metric::Kind::gauge : otel::Metric::Kind::delta_sum});
  }
  metrics[static_cast<size_t>(place_[number])].points.push_back({.attributes = series.attributes_of(point.series),
                                                                 .start_time_ns = start_time_ns_,
                                                                 .time_ns = point.time_ns,
                                                                 .value = point.value});
}

}  // namespace splitprof::metrics
