// SPDX-License-Identifier: Apache-2.0
//
// Prints what /metrics serves, with every counter that there is: its value is its place in the output. Two exporters
// have names that need care. For read_metrics.py.
#include <cstdio>
#include <string>

#include "processor/telemetry/connector_metrics.h"
#include "processor/telemetry/exporter_metrics.h"
#include "processor/telemetry/metrics.h"
#include "processor/telemetry/prometheus.h"
#include "processor/telemetry/sampler_counters.h"

int main() {
  using namespace splitprof;
  CountersByName sampler{
#define SP_COUNTER(number, name, text) {#name, 0},
#include "bpf/counters.def"
#undef SP_COUNTER
#define SP_SAMPLER_COUNTER(name, text) {#name, 0},
#include "sampler/counters.def"
#undef SP_SAMPLER_COUNTER
      {"table_arena_bytes", 0}};
  auto groups = groups_of_sampler(sampler);
  groups.push_back({"processor", "", list(Metrics())});
  groups.push_back({"exporter", "elasticsearch/eu", list(ExporterMetrics())});
  groups.push_back({"exporter", "otlphttp/a \"b\" \\ c\nd", list(ExporterMetrics())});
  groups.push_back({"connector", "profilingmetrics", list(ConnectorMetrics())});
  uint64_t place = 0;
  for (auto& group : groups)
    for (auto& metric : group.metrics) {
      metric.value = ++place;
      std::fprintf(stderr, "%s\t%s\t%s\n", group.group.c_str(), std::string(metric.name).c_str(),
                   std::string(metric.text).c_str());
    }
  std::fputs(prometheus_text(groups, "0.1.0").c_str(), stdout);
}
