// SPDX-License-Identifier: Apache-2.0
//
// service.telemetry: of what the collector takes there, the level of the log, and where Prometheus finds the metrics.
#include <algorithm>
#include <cctype>

#include "processor/config/reading.h"
#include "processor/config/url.h"

namespace splitprof::config {
namespace {

void read_logs(Section logs, TelemetryOptions& options) {
  std::string level;
  logs.text("level", level);
  for (char& c : level) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!level.empty() && level != "debug" && level != "info" && level != "warn" && level != "error")
    logs.error("level", "level has to be one of debug, info, warn, error, not \"{}\"", shown(level));
  else
    options.log_level = level;
  logs.ignore({"development", "encoding", "disable_caller", "disable_stacktrace", "sampling", "output_paths",
               "error_output_paths", "initial_fields", "processors", "disable_zap_resource"},
              "the log goes to standard error, as journald wants it");
}

// readers: [{pull: {exporter: {prometheus: {host, port}}}}]
void read_readers(Section& metrics, Reading& reading, TelemetryOptions& options) {
  const auto* list = metrics.anything("readers");
  if (!list) return;
  if (list->kind != Value::Kind::list) return metrics.error("readers", "readers has to be a list");
  bool found = false;
  for (size_t i = 0; i < list->items.size(); ++i) {
    Section reader = reading.section(list->items[i], fmt::format("{}.readers[{}]", metrics.where(), i),
                                     "service.telemetry.metrics.readers[]");
    reader.ignore("periodic", "the program does not send its own metrics; they are asked for");
    if (!reader.has("pull")) continue;
    Section pull = reader.section("pull");
    Section exporter = pull.section("exporter");
    Section prometheus = exporter.section("prometheus");
    prometheus.text("host", options.host);
    prometheus.number("port", 0, 65'535, options.port);
    prometheus.ignore({"without_scope_info", "without_units", "without_type_suffix", "with_resource_constant_labels",
                       "translation_strategy"},
                      "the names of the metrics are fixed");
    if (found) metrics.error("readers", "only one reader can pull");
    found = true;
  }
}

void read_metrics(Section metrics, Reading& reading, TelemetryOptions& options) {
  size_t level = 2;
  metrics.choice("level", {"none", "basic", "normal", "detailed"}, level);
  options.enabled = level != 0;
  std::string address;
  metrics.text("address", address);
  if (!address.empty()) {
    if (const auto parsed = parse_address(address)) {
      options.host = parsed->host;
      options.port = parsed->port;
    } else {
      metrics.error("address", "address {}, not \"{}\"", parsed.error().message, shown(address));
    }
  }
  read_readers(metrics, reading, options);
  metrics.ignore("views", "every metric is shown");
}

}  // namespace

TelemetryOptions read_telemetry(Section section, Reading& reading) {
  TelemetryOptions options;
  read_logs(section.section("logs"), options);
  read_metrics(section.section("metrics"), reading, options);
  section.ignore({"traces", "resource"}, "the program makes no traces of itself");
  return options;
}

}  // namespace splitprof::config
