// SPDX-License-Identifier: Apache-2.0
//
// BulkSender: takes bodies from the outbox, posts them to /_bulk, reads what became of each document, sends again what
// the server could not take for now. Knows which endpoint rests and whether the server is ready for profiles. Does not
// know what is in a document but its action line. Export thread.
#pragma once

#include <functional>
#include <memory>

#include "processor/backlog/outbox.h"
#include "processor/config/elasticsearch_options.h"
#include "processor/elasticsearch/group.h"
#include "processor/http/client.h"
#include "processor/pipelines/component.h"

namespace splitprof::elasticsearch {

class BulkSender {
 public:
  // `client`, `outbox` and `metrics` outlive it. `seed`: of the jitter of back-offs.
  static Result<std::unique_ptr<BulkSender>> make(const ElasticsearchOptions& options, http::Client& client,
                                                  Outbox& outbox, ExporterMetrics& metrics, uint64_t seed);
  ~BulkSender();

  // A document was refused for good (other than as known already), or given up: its action line.
  std::function<void(std::string_view)> on_refused = [](std::string_view) {};
  // The server refuses updates of executables: it keeps them in a data stream.
  std::function<void()> on_executables_not_updatable = [] {};

  void tick(const Times& now);
  // No back-off is waited for any more; what is under way goes on until `deadline_ns`.
  void stop(const Times& now, uint64_t deadline_ns);
  bool idle() const;     // nothing under way
  bool healthy() const;  // the last answers were not 401 or 403, and some server answers

 private:
  struct State;
  explicit BulkSender(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::elasticsearch
