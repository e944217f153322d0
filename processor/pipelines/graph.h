// SPDX-License-Identifier: Apache-2.0
//
// Graph: a configuration's pipelines, made real: every receiver, connector and exporter that one of them uses, and the
// threads and sockets that these need. Made in three steps, since each needs other rights: open() as whoever started
// the program, complete() as the user that the daemon is, start() when the sandbox is shut. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/config/collector_config.h"
#include "processor/pipelines/component.h"
#include "processor/pipelines/intake.h"
#include "processor/sandbox.h"
#include "processor/telemetry/exporter_metrics.h"
#include "processor/telemetry/telemetry.h"
#include "shared/result.h"

namespace splitprof {

class Graph {
 public:
  static constexpr const char* kExportThread = "export";  // its name in Telemetry

  // Reads keys and certificates, opens outputs, binds ports.
  static Result<std::unique_ptr<Graph>> open(CollectorConfig config);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // The profiling receiver's options; null: no pipeline uses one, and no sampler is needed.
  const ProfilingReceiverOptions* profiling() const;

  // Opens what is kept on disk, below `state_folder` (empty: nothing is), and joins everything.
  Result<> complete(const std::string& state_folder);
  // What has to stay possible when the sandbox is shut.
  const ConfineOptions& needs() const;

  // Starts the threads, the telemetry page's among them where the configuration has one. `telemetry` outlives the
  // graph.
  void start(Telemetry& telemetry);
  // Hands a batch of the profiling receiver to its pipelines. False: they are too slow, and it was not taken.
  bool submit(std::shared_ptr<const otel::Profiles> batch);
  // Takes nothing any more, flushes, sends or saves, and ends the threads.
  void stop();

  struct ProfilesExporter {
    std::string name;
    uint64_t samples_handed_on = 0;  // of the profiling receiver
    ExporterMetrics metrics;
  };
  // After stop().
  std::vector<ProfilesExporter> profiles_exporters() const;

 private:
  struct State;
  explicit Graph(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
