// SPDX-License-Identifier: Apache-2.0
//
// The otlphttp exporter: posts each batch of profiles or metrics to a server that speaks OTLP over HTTP. What the
// server cannot take for now goes back into the outbox, and where there is a backlog onto the disk. Export thread.
#pragma once

#include <memory>
#include <vector>

#include "processor/config/otlp_options.h"
#include "processor/http/client.h"
#include "processor/pipelines/component.h"
#include "shared/result.h"

namespace splitprof::otlp {

class OtlpHttpExporter final : public ProfilesConsumer, public MetricsConsumer, public Component {
 public:
  // Opens the backlog in the folder of options.backlog (none, when that names no folder), and reads certificates:
  // before the sandbox is shut. `client` outlives it. `seed`: of the jitter of back-offs.
  static Result<std::unique_ptr<OtlpHttpExporter>> make(const OtlpHttpOptions& options, http::Client& client,
                                                        uint64_t seed);
  ~OtlpHttpExporter() override;

  void consume(const otel::Profiles& batch) override;
  void consume(const otel::Metrics& batch) override;
  void tick(const Times& now) override;
  void stop(const Times& now, uint64_t deadline_ns) override;
  bool finished() const override;
  std::vector<NamedMetric> metrics() const override;
  bool healthy() const override;

 private:
  class State;
  explicit OtlpHttpExporter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::otlp
