// SPDX-License-Identifier: Apache-2.0
//
// The connector `profilingmetrics`: profiles in, metrics out. How many samples ran what kind of code, by their
// innermost frame; of the kernel's, what it was doing; and three gauges that look at all frames. docs/metrics.md says
// what each means. With a flush interval points are merged and handed on together; without, each resource's at once.
// Export thread.
#pragma once

#include <memory>
#include <string>

#include "processor/metrics/flush_buffer.h"
#include "processor/metrics/resource_writer.h"
#include "processor/metrics/rules.h"
#include "processor/metrics/series.h"
#include "processor/pipelines/component.h"
#include "processor/telemetry/connector_metrics.h"

namespace splitprof {

class ProfilingMetrics final : public ProfilesConsumer, public Component {
 public:
  // An error names the rule that is no regular expression. `next` outlives the connector; `created` is the start time
  // of every point, and the flush interval counts from it.
  static Result<std::unique_ptr<ProfilingMetrics>> make(const ProfilingMetricsOptions& options, MetricsConsumer& next,
                                                        std::string scope_version, const Times& created);

  void consume(const otel::Profiles& batch) override;

  void tick(const Times& now) override;
  // Hands on what waits for a flush.
  void stop(const Times& now, uint64_t deadline_ns) override;
  bool finished() const override { return stopped_; }
  std::vector<NamedMetric> metrics() const override { return list(counters_); }

  const ConnectorMetrics& counters() const { return counters_; }

 private:
  ProfilingMetrics(const ProfilingMetricsOptions& options, metrics::Rules rules, MetricsConsumer& next,
                   metrics::Envelope envelope, const Times& created);

  struct Batch;  // what is known of the one that is being consumed
  void add_profile(Batch& batch, const otel::Profile& profile);
  void add_sums(Batch& batch, const otel::Profile& profile);
  void add_gauges(Batch& batch, const otel::Profile& profile, std::string_view type, std::string_view unit);
  uint32_t gauge_series(uint32_t key, uint32_t type_unit);
  void emit(Batch& batch, const otel::Resource& resource);
  void hand_on(const otel::Metrics& batch);
  void flush();
  void log_troubles();

  const ProfilingMetricsOptions options_;
  const metrics::Rules rules_;
  MetricsConsumer& next_;
  const metrics::Envelope envelope_;
  // Which attributes of each metric are kept.
  struct Kept {
    bool classification = true, frame_type = true, type_unit = true;
  };
  std::array<Kept, metrics::kMetrics> kept_;

  metrics::SeriesTable series_;
  metrics::FlushBuffer buffer_;
  uint64_t next_flush_ns_ = 0;  // monotonic
  bool stopped_ = false;

  ConnectorMetrics counters_, counters_logged_;
  uint64_t next_log_ns_ = 0;  // monotonic
  bool odd_frame_type_logged_ = false;
};

}  // namespace splitprof
