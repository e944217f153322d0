// SPDX-License-Identifier: Apache-2.0
//
// Hands each batch to every consumer, in the order of the configuration. Export thread.
#pragma once

#include <vector>

#include "processor/pipelines/component.h"

namespace splitprof {

template <typename Consumer, typename Batch>
class FanOut final : public Consumer {
 public:
  void add(Consumer& consumer) { consumers_.push_back(&consumer); }
  bool empty() const { return consumers_.empty(); }
  void consume(const Batch& batch) override {
    for (auto* consumer : consumers_) consumer->consume(batch);
  }

 private:
  std::vector<Consumer*> consumers_;
};

using ProfilesFanOut = FanOut<ProfilesConsumer, otel::Profiles>;
using MetricsFanOut = FanOut<MetricsConsumer, otel::Metrics>;

}  // namespace splitprof
