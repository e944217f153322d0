// SPDX-License-Identifier: Apache-2.0
//
// connectors.profilingmetrics: keys, defaults and messages of the connector of that name in
// elastic/opentelemetry-collector-components (v0.25 and later). Rules are compiled here to be checked: what the
// original says at its start is said by `splitprof validate` already.
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>

#include "processor/config/go_pattern.h"
#include "processor/config/reading.h"

namespace splitprof::config {
namespace {

constexpr size_t kMaxRules = 1000;
constexpr const char* kNames[] = {
    "samples.beam.count",   "samples.classification", "samples.cpython.count", "samples.custom_aggregation",
    "samples.dotnet.count", "samples.frame_type",     "samples.go.count",      "samples.jvm.count",
    "samples.kernel.count", "samples.native.count",   "samples.perl.count",    "samples.php.count",
    "samples.ruby.count",   "samples.rust.count",     "samples.user.count",    "samples.v8js.count",
};
static_assert(std::size(kNames) == ProfilingMetricsOptions::kMetrics);

void read_gauge(Section& metric, const char* name, std::vector<std::string> known,
                ProfilingMetricsOptions::Gauge& gauge) {
  std::string strategy = "avg";
  metric.text("aggregation_strategy", strategy);
  const std::vector<std::string> strategies = {"sum", "avg", "min", "max"};
  const auto found = std::find(strategies.begin(), strategies.end(), strategy);
  if (found == strategies.end())
    metric.error("aggregation_strategy", "invalid aggregation strategy \"{}\", valid strategies: [{}]", shown(strategy),
                 fmt::join(strategies, ", "));
  else
    gauge.strategy = static_cast<ProfilingMetricsOptions::Strategy>(found - strategies.begin());

  if (!metric.has("attributes")) return;
  std::vector<std::string> attributes;
  metric.texts("attributes", attributes);
  for (const auto& attribute : attributes)
    if (std::find(known.begin(), known.end(), attribute) == known.end())
      metric.error("attributes", "metric {} doesn't have an attribute {}, valid attributes: [{}]", name,
                   shown(attribute), fmt::join(known, ", "));
  gauge.attributes = std::move(attributes);
}

void read_metrics(Section metrics, ProfilingMetricsOptions& options) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    Section metric = metrics.section(kNames[i]);
    metric.flag("enabled", options.enabled[i]);
    if (i == ProfilingMetricsOptions::classification)
      read_gauge(metric, kNames[i], {"classification", "frame_type", "profile.type_unit"},
                 options.classification_gauge);
    if (i == ProfilingMetricsOptions::custom_aggregation)
      read_gauge(metric, kNames[i], {"frame_type", "profile.type_unit"}, options.custom_aggregation_gauge);
    if (i == ProfilingMetricsOptions::frame_type)
      read_gauge(metric, kNames[i], {"frame_type", "profile.type_unit"}, options.frame_type_gauge);
  }
}

void check_rule(Section& rule, const ProfilingMetricsOptions::Rule& values) {
  if (values.match.empty() || values.label.empty())
    return rule.error(values.match.empty() ? "match" : "label",
                      "invalid aggregation configuration: match and label must not be empty");
  if (const RE2 compiled(re2_pattern(values.match), RE2::Quiet); !compiled.ok())
    rule.error("match", "compiling regex for label {}: {}", shown(values.label), compiled.error());
}

void read_rules(Section& section, Reading& reading, std::vector<ProfilingMetricsOptions::Rule>& rules) {
  const auto* list = section.anything("aggregations");
  if (!list) return;
  if (list->kind != Value::Kind::list) return section.error("aggregations", "aggregations has to be a list");
  if (list->items.size() > kMaxRules)
    return section.error("aggregations", "aggregations has more than {} rules", kMaxRules);
  for (size_t i = 0; i < list->items.size(); ++i) {
    Section rule = reading.section(list->items[i], fmt::format("{}.aggregations[{}]", section.where(), i),
                                   "connectors.profilingmetrics.aggregations[]");
    ProfilingMetricsOptions::Rule values;
    rule.text("match", values.match);
    rule.text("label", values.label);
    if (list->items[i].kind == Value::Kind::map) check_rule(rule, values);
    rules.push_back(std::move(values));
  }
}

}  // namespace

ProfilingMetricsOptions read_profiling_metrics(Section& section, Reading& reading) {
  ProfilingMetricsOptions options;
  section.duration("flush_interval", INT64_MIN, INT64_MAX, options.flush_interval_ns);
  read_metrics(section.section("metrics"), options);
  read_rules(section, reading, options.aggregations);
  return options;
}

}  // namespace splitprof::config
