// SPDX-License-Identifier: Apache-2.0
//
// The daemon's configuration: one or more of a collector's YAML documents to one checked value. Read before anything is
// confined, from files that the administrator wrote; strict all the same, because a misspelt key that is ignored is
// found too late.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "processor/config/elasticsearch_options.h"
#include "processor/config/otlp_options.h"
#include "processor/config/profiling_options.h"
#include "shared/result.h"

namespace splitprof {

using ReceiverOptions = std::variant<ProfilingReceiverOptions, OtlpReceiverOptions, OtlpJsonFileOptions>;
using ExporterOptions = std::variant<ElasticsearchOptions, OtlpHttpOptions, FileExporterOptions, DebugExporterOptions>;

struct PipelineOptions {
  enum class Signal { profiles, metrics };
  Signal signal = Signal::profiles;
  std::string name;                               // "profiles", "metrics/kernel"
  std::vector<std::string> receivers, exporters;  // of CollectorConfig's, or connectors
};

struct TelemetryOptions {
  bool enabled = true;
  std::string host = "localhost";
  uint16_t port = 8888;
  std::string log_level;  // of service.telemetry.logs; empty: as the command line says
};

struct CollectorConfig {
  std::vector<ReceiverOptions> receivers;  // those that a pipeline uses; at most one of them is profiling
  std::vector<ProfilingMetricsOptions> connectors;
  std::vector<ExporterOptions> exporters;
  std::vector<PipelineOptions> pipelines;
  TelemetryOptions telemetry;
  std::vector<std::string> notes;  // what was accepted and has no effect here: to be logged once
};

// Where the configuration comes from, as the command line says it.
struct ConfigSources {
  std::vector<std::string> documents;      // of --config, merged in this order: a path, file:PATH, env:NAME, yaml:TEXT
  std::vector<std::string> settings;       // of --set: key.key=value
  std::vector<std::string> feature_gates;  // of --feature-gates: "+name", "name" or "-name"
  // The value of an environment variable; nothing: not set.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

// All errors of all documents at once, a line each: file, line, column, what is wrong, what is nearest.
Result<CollectorConfig> read_collector_config(const ConfigSources& sources);
// The merged document as YAML, secrets as [REDACTED].
Result<std::string> print_collector_config(const ConfigSources& sources);

namespace config {
// Every key that is understood, as "exporters.elasticsearch.tls.ca_file"; for the page that lists them.
std::set<std::string> known_keys();
}  // namespace config

}  // namespace splitprof
