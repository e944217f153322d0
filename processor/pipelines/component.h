// SPDX-License-Identifier: Apache-2.0
//
// What pipelines are made of. A consumer is handed one batch after another; connectors and exporters are consumers.
// Everything of a pipeline lives on the export thread (processor/pipelines/export_thread.h): consume(), tick() and
// stop() are called from there and return at once; who waits for a server keeps its own copy and goes on in tick().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"
#include "processor/telemetry/named_metric.h"

namespace splitprof {

class ProfilesConsumer {
 public:
  virtual ~ProfilesConsumer() = default;
  // Errors are counted and logged by the consumer: a batch that one cannot use is no other's concern.
  virtual void consume(const otel::Profiles& batch) = 0;
};

class MetricsConsumer {
 public:
  virtual ~MetricsConsumer() = default;
  virtual void consume(const otel::Metrics& batch) = 0;
};

// The two clocks of one moment. Passed in, so that tests own the time.
struct Times {
  uint64_t monotonic_ns = 0;  // for waiting
  uint64_t unix_ns = 0;       // for what is written
};

class Component {
 public:
  virtual ~Component() = default;
  // Several times a second, and whenever something that it waits for has happened.
  virtual void tick(const Times& now) = 0;
  // No batch will come any more: send what there is, by `deadline_ns` (monotonic) at the latest. tick() goes on.
  virtual void stop(const Times& now, uint64_t deadline_ns) = 0;
  // Has nothing left to do after stop().
  virtual bool finished() const = 0;
  // Counters of its own, for the telemetry page; `text` says what is counted, and in which unit.
  virtual std::vector<NamedMetric> metrics() const = 0;
  // False: whoever runs this program should look: the server refuses the credentials, nothing answers, nothing is sent.
  virtual bool healthy() const { return true; }
};

}  // namespace splitprof
