// SPDX-License-Identifier: Apache-2.0
//
// The elasticsearch exporter: encodes what it is handed, and sends it. Profiles and metrics wait apart from each other,
// since a server that is not set up for profiles may well take metrics. Export thread.
#pragma once

#include <memory>

#include "processor/config/elasticsearch_options.h"
#include "processor/http/client.h"
#include "processor/pipelines/component.h"

namespace splitprof::elasticsearch {

class ElasticsearchExporter final : public ProfilesConsumer, public MetricsConsumer, public Component {
 public:
  // Opens the backlogs, `profiles` and `metrics` in the folder of options.backlog (none, when that names no folder),
  // and reads certificates: before the sandbox is shut. `client` outlives it. `seed`: of jitter and downsampling.
  // `now`: the time until the first tick().
  static Result<std::unique_ptr<ElasticsearchExporter>> make(const ElasticsearchOptions& options, http::Client& client,
                                                             const Times& now, uint64_t seed);
  ~ElasticsearchExporter() override;

  void consume(const otel::Profiles& batch) override;
  void consume(const otel::Metrics& batch) override;
  void tick(const Times& now) override;
  void stop(const Times& now, uint64_t deadline_ns) override;
  bool finished() const override;
  std::vector<NamedMetric> metrics() const override;
  bool healthy() const override;

 private:
  struct State;
  explicit ElasticsearchExporter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::elasticsearch
