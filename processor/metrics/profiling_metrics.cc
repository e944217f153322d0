// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/profiling_metrics.h"

#include <algorithm>
#include <utility>

#include "processor/metrics/emission.h"
#include "processor/metrics/gauge_reader.h"
#include "processor/metrics/stack_reader.h"
#include "processor/metrics/tally.h"
#include "shared/log.h"

namespace splitprof {

using metrics::kMetrics;
using metrics::MetricNumber;
using metrics::Outcome;
using metrics::SeriesTable;
using metrics::Trouble;

namespace {

// One batch can refer to the same long stacks from many profiles, and a gauge makes a point of each type, class and
// label of each profile. Far beyond what a whole machine shows in an interval.
constexpr uint64_t kMaxGaugePointsOfBatch = 1u << 20;
// Waiting for a flush. 500 processes of 20 points each are some 1.5 MiB.
constexpr size_t kMaxBufferedBytes = 32u << 20;
constexpr uint64_t kLogIntervalNs = 30'000'000'000;

metrics::Emission::Strategies strategies_of(const ProfilingMetricsOptions& options) {
  metrics::Emission::Strategies strategies{};
  strategies[MetricNumber::classification] = options.classification_gauge.strategy;
  strategies[MetricNumber::custom_aggregation] = options.custom_aggregation_gauge.strategy;
  strategies[MetricNumber::frame_type] = options.frame_type_gauge.strategy;
  return strategies;
}

uint64_t weight(const otel::Sample& sample) {
  return std::max(sample.timestamps.count, 1u);
}

}  // namespace

struct ProfilingMetrics::Batch {
  const otel::Dictionary& dictionary;
  metrics::StackReader stacks;
  metrics::GaugeReader gauges;
  metrics::Emission emission;           // of the resource
  metrics::Tally series, stack_visits;  // of the profile
  uint64_t gauge_points = 0;
};

Result<std::unique_ptr<ProfilingMetrics>> ProfilingMetrics::make(const ProfilingMetricsOptions& options,
                                                                 MetricsConsumer& next, std::string scope_version,
                                                                 const Times& created) {
  auto rules = TRY(metrics::Rules::compile(options.aggregations));
  metrics::Envelope envelope{.scope_version = std::move(scope_version), .start_time_ns = created.unix_ns};
  return std::unique_ptr<ProfilingMetrics>(
      new ProfilingMetrics(options, std::move(rules), next, std::move(envelope), created));
}

ProfilingMetrics::ProfilingMetrics(const ProfilingMetricsOptions& options, metrics::Rules rules, MetricsConsumer& next,
                                   metrics::Envelope envelope, const Times& created)
    : options_(options),
      rules_(std::move(rules)),
      next_(next),
      envelope_(std::move(envelope)),
      next_log_ns_(created.monotonic_ns + kLogIntervalNs) {
  if (options.flush_interval_ns > 0)
    next_flush_ns_ = created.monotonic_ns + static_cast<uint64_t>(options.flush_interval_ns);
  auto keep = [&](MetricNumber metric, const ProfilingMetricsOptions::Gauge& gauge) {
    if (!gauge.attributes) return;
    auto kept = [&](std::string_view name) {
      return std::find(gauge.attributes->begin(), gauge.attributes->end(), name) != gauge.attributes->end();
    };
    kept_[metric] = {kept("classification"), kept("frame_type"), kept("profile.type_unit")};
  };
  keep(MetricNumber::classification, options.classification_gauge);
  keep(MetricNumber::custom_aggregation, options.custom_aggregation_gauge);
  keep(MetricNumber::frame_type, options.frame_type_gauge);
}

void ProfilingMetrics::consume(const otel::Profiles& profiles) {
  Batch batch{profiles.dictionary, metrics::StackReader(profiles.dictionary, options_.enabled, series_),
              metrics::GaugeReader(profiles.dictionary, options_, rules_, series_),
              metrics::Emission(strategies_of(options_))};
  for (const auto& resource : profiles.resources) {
    for (const auto& scope : resource.scopes)
      for (const auto& profile : scope.profiles) add_profile(batch, profile);
    emit(batch, resource.resource);
  }
  counters_.names_missing += batch.stacks.names_missing();
  if (!odd_frame_type_logged_ && counters_.ended_at_unknown_frame_type > 0) {
    odd_frame_type_logged_ = true;
    log::info("{}: frames of type \"{}\" have no metric; ended_at_unknown_frame_type counts such samples",
              options_.name, log::printable(batch.stacks.odd_frame_type(), 64));
  }
  if (buffer_.empty()) series_.clear();  // nothing refers to them any more
}

void ProfilingMetrics::add_profile(Batch& batch, const otel::Profile& profile) {
  const auto& strings = batch.dictionary.strings;
  const auto type = strings[profile.sample_type.type], unit = strings[profile.sample_type.unit];
  if (type == "samples" && unit == "count") {
    add_sums(batch, profile);
  } else {
    for (const auto& sample : profile.samples) {
      counters_.samples_received += weight(sample);
      counters_.samples_of_other_kinds += weight(sample);
    }
  }
  if (batch.gauges.any()) add_gauges(batch, profile, type, unit);
}

void ProfilingMetrics::add_sums(Batch& batch, const otel::Profile& profile) {
  std::array<uint64_t, metrics::kOutcomes> outcomes{};
  std::array<uint64_t, metrics::kTroubles> troubles{};
  for (const auto& sample : profile.samples) {
    const auto& facts = batch.stacks.facts(sample.stack);
    const uint64_t samples = weight(sample);
    outcomes[static_cast<size_t>(facts.outcome)] += samples;
    troubles[static_cast<size_t>(facts.trouble)] += samples;
    if (facts.series != SeriesTable::kNone) batch.series.add(facts.series, static_cast<int64_t>(samples));
  }
  auto of = [&](Outcome outcome) { return outcomes[static_cast<size_t>(outcome)]; };
  const auto user = of(Outcome::user);
  if (user > 0 && options_.enabled[MetricNumber::user])
    batch.emission.add({series_.plain(MetricNumber::user), profile.time_ns, static_cast<int64_t>(user)});
  batch.series.drain([&](uint32_t series, int64_t count) { batch.emission.add({series, profile.time_ns, count}); });

  for (const auto samples : outcomes) counters_.samples_received += samples;
  counters_.samples_user += user;
  counters_.samples_kernel += of(Outcome::kernel);
  counters_.samples_without_stack += of(Outcome::empty);
  counters_.samples_unclassified += of(Outcome::unclassified);
  auto ended_at = [&](Trouble trouble) { return troubles[static_cast<size_t>(trouble)]; };
  counters_.ended_at_missing_location += ended_at(Trouble::location_missing);
  counters_.ended_at_missing_attribute += ended_at(Trouble::attribute_missing);
  counters_.ended_at_missing_key += ended_at(Trouble::attribute_key_missing);
  counters_.ended_at_unknown_frame_type += ended_at(Trouble::frame_type_unknown);
  counters_.ended_at_untyped_frame += ended_at(Trouble::frame_type_absent);
}

void ProfilingMetrics::add_gauges(Batch& batch, const otel::Profile& profile, std::string_view type,
                                  std::string_view unit) {
  const size_t stacks = batch.dictionary.stacks.size();
  for (const auto& sample : profile.samples)
    if (sample.stack > 0 && static_cast<size_t>(sample.stack) < stacks)
      batch.stack_visits.add(static_cast<uint32_t>(sample.stack), 1);
  batch.stack_visits.drain([&](uint32_t stack, int64_t samples) {
    if (batch.gauge_points >= kMaxGaugePointsOfBatch) return;
    for (const auto& counted : batch.gauges.counts(static_cast<int32_t>(stack)))
      batch.series.add(counted.key, samples * counted.count);
  });
  const uint32_t type_unit = series_.text(std::string(type) + "_" + std::string(unit));
  batch.series.drain([&](uint32_t key, int64_t count) {
    if (batch.gauge_points++ < kMaxGaugePointsOfBatch)
      batch.emission.add({gauge_series(key, type_unit), profile.time_ns, count});
    else
      ++counters_.gauge_points_dropped;
  });
}

uint32_t ProfilingMetrics::gauge_series(uint32_t key, uint32_t type_unit) {
  const auto counted = series_[key];
  const auto& kept = kept_[counted.metric];
  return series_.gauge(counted.metric, kept.classification ? counted.first : SeriesTable::kNone,
                       kept.frame_type ? counted.second : SeriesTable::kNone,
                       kept.type_unit ? type_unit : SeriesTable::kNone);
}

// A resource without a point makes no batch, merged or not.
void ProfilingMetrics::emit(Batch& batch, const otel::Resource& resource) {
  const auto points = batch.emission.take(series_);
  if (points.empty()) return;
  if (options_.flush_interval_ns > 0) {
    buffer_.merge(resource, points);
    if (buffer_.bytes() + series_.bytes() <= kMaxBufferedBytes) return;
    ++counters_.flushes_early;
    return flush();
  }
  metrics::ResourceWriter writer(resource, envelope_);
  for (const auto& point : points) writer.add(point, series_);
  otel::Metrics out;
  out.resources.push_back(std::move(writer).finish());
  hand_on(out);
}

void ProfilingMetrics::hand_on(const otel::Metrics& batch) {
  ++counters_.batches_emitted;
  for (const auto& resource : batch.resources)
    for (const auto& scope : resource.scopes)
      for (const auto& metric : scope.metrics) counters_.points_emitted += metric.points.size();
  next_.consume(batch);
}

void ProfilingMetrics::flush() {
  if (!buffer_.empty()) hand_on(buffer_.take(series_, envelope_));
}

void ProfilingMetrics::tick(const Times& now) {
  if (options_.flush_interval_ns > 0 && now.monotonic_ns >= next_flush_ns_) {
    const auto interval = static_cast<uint64_t>(options_.flush_interval_ns);
    next_flush_ns_ += ((now.monotonic_ns - next_flush_ns_) / interval + 1) * interval;
    flush();
    series_.clear();
  }
  if (now.monotonic_ns >= next_log_ns_) {
    next_log_ns_ = now.monotonic_ns + kLogIntervalNs;
    log_troubles();
  }
}

void ProfilingMetrics::stop(const Times&, uint64_t) {
  flush();
  series_.clear();
  log_troubles();
  stopped_ = true;
}

// Batches that break the format: one line for all of them.
void ProfilingMetrics::log_troubles() {
  const auto& now = counters_;
  const auto& then = counters_logged_;
  const uint64_t frames = now.ended_at_missing_location + now.ended_at_missing_attribute + now.ended_at_missing_key +
                          now.ended_at_untyped_frame - then.ended_at_missing_location -
                          then.ended_at_missing_attribute - then.ended_at_missing_key - then.ended_at_untyped_frame;
  const uint64_t names = now.names_missing - then.names_missing;
  const uint64_t points = now.gauge_points_dropped - then.gauge_points_dropped;
  if (frames + names + points > 0)
    log::warn(
        "{}: broken profiles: {} samples with a frame that cannot be resolved, {} names missing, {} points of "
        "gauges dropped; docs/counters.md says what is counted",
        options_.name, frames, names, points);
  counters_logged_ = counters_;
}

}  // namespace splitprof
