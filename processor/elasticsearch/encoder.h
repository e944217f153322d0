// SPDX-License-Identifier: Apache-2.0
//
// Encoder: profiles and metrics to the documents that Elasticsearch and Kibana know, as bodies of bulk requests. Keeps
// the sets of what was written already, so that stacks, frames and executables go out once in three hours. Counts
// samples_received, samples_without_document, items_encoded and what it had to leave out. Does not send. Export thread.
// Documents: docs/elasticsearch.md.
#pragma once

#include <functional>
#include <memory>

#include "processor/config/elasticsearch_options.h"
#include "processor/elasticsearch/group.h"
#include "processor/pipelines/component.h"
#include "processor/pipelines/message.h"
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof::elasticsearch {

class Encoder {
 public:
  using Out = std::function<void(Message)>;

  // `seed`: of the choice of downsampled events. `out` takes each body as it is full, or flushed.
  Encoder(const ElasticsearchOptions& options, ExporterMetrics& metrics, uint64_t seed, Out out);
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void encode(const otel::Profiles& batch, const Times& now);
  void encode(const otel::Metrics& batch, const Times& now);
  // Hands out every body that was begun.
  void flush();
  // The document of this action line was refused for good, or given up: the next batch writes it again.
  void forget(std::string_view action_line);
  // Nobody knows which documents the server has: everything is written again.
  void forget_all();
  // The server keeps executables in a data stream: from now on they are created, not updated.
  void create_executables();
  uint64_t pending_bytes() const;  // of bodies that were begun
  uint64_t memory_bytes() const;   // of the sets of what was written

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::elasticsearch
