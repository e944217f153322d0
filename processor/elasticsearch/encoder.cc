// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/encoder.h"

#include <utility>

#include "processor/elasticsearch/bodies.h"
#include "processor/elasticsearch/documents.h"
#include "processor/elasticsearch/metric_documents.h"
#include "processor/elasticsearch/profile_documents.h"
#include "processor/elasticsearch/written_once.h"

namespace splitprof::elasticsearch {
namespace {

bool is_ecs(const ElasticsearchOptions& options) {
  return options.profiles_schema == ElasticsearchOptions::ProfilesSchema::ecs;
}

}  // namespace

struct Encoder::State {
  State(const ElasticsearchOptions& options, ExporterMetrics& metrics, uint64_t seed, Out out)
      : bodies(options.queue.max_size, metrics, std::move(out)),
        written(seed),
        documents(is_ecs(options) ? ecs_documents(JsonText(metrics.texts_cut))
                                  : otel_documents(JsonText(metrics.texts_cut))),
        of_profiles({.symbolization_queues = is_ecs(options) && options.symbolization_queues,
                     .downsampled_events = options.downsampled_events},
                    *documents, written, bodies, metrics, seed),
        of_metrics({options.metrics_index, options.keep_process_attributes}, bodies, metrics) {}

  Bodies bodies;
  WrittenOnce written;
  std::unique_ptr<Documents> documents;
  ProfileDocuments of_profiles;
  MetricDocuments of_metrics;
};

Encoder::Encoder(const ElasticsearchOptions& options, ExporterMetrics& metrics, uint64_t seed, Out out)
    : state_(std::make_unique<State>(options, metrics, seed, std::move(out))) {}

Encoder::~Encoder() = default;

void Encoder::encode(const otel::Profiles& batch, const Times& now) {
  state_->bodies.begin_batch();
  state_->of_profiles.encode(batch, now);
}

void Encoder::encode(const otel::Metrics& batch, const Times&) {
  state_->bodies.begin_batch();
  state_->of_metrics.encode(batch);
}

void Encoder::flush() {
  state_->bodies.flush();
}

void Encoder::forget(std::string_view action_line) {
  state_->written.forget(action_line);
}

void Encoder::forget_all() {
  state_->written.forget_all();
}

void Encoder::create_executables() {
  state_->documents->create_executables();
}

uint64_t Encoder::pending_bytes() const {
  return state_->bodies.bytes();
}

uint64_t Encoder::memory_bytes() const {
  return state_->written.memory_bytes();
}

}  // namespace splitprof::elasticsearch
