// SPDX-License-Identifier: Apache-2.0
//
// The debug exporter: what passes, into the log: basic (a line for each batch), normal (a line for each profile or
// metric, too), detailed (every sample with its stack, every point, as far as a bound for each batch). Export thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "processor/config/otlp_options.h"
#include "processor/pipelines/component.h"
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof::otlp {

class DebugExporter final : public ProfilesConsumer, public MetricsConsumer, public Component {
 public:
  using Line = std::function<void(const std::string&)>;
  explicit DebugExporter(const DebugExporterOptions& options);  // to the log
  DebugExporter(const DebugExporterOptions& options, Line line);

  void consume(const otel::Profiles& batch) override;
  void consume(const otel::Metrics& batch) override;
  void tick(const Times&) override {}
  void stop(const Times&, uint64_t) override {}
  bool finished() const override { return true; }
  std::vector<NamedMetric> metrics() const override { return list(counters_); }

 private:
  DebugExporterOptions options_;
  Line line_;
  ExporterMetrics counters_;
};

}  // namespace splitprof::otlp
