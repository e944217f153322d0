// SPDX-License-Identifier: Apache-2.0
//
// BulkSender: takes bodies from the outbox, posts them to /_bulk, reads what became of each document, sends again what
// the server could not take for now. Bodies are begun in the outbox's order, several at a time, and may end in any:
// documents do not build on each other. Does not know what is in a document but its action line. Export thread.
//
// What is not acknowledged is sent again. Documents with ids (stacks, frames, executables) and metrics (their series
// and time) are then known to the server; events have none and stand there twice, when only the answer was lost.
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
  // All of them outlive it.
  struct Parts {
    const ElasticsearchOptions& options;
    http::Client& client;
    const http::Server& server;
    Outbox& outbox;
    ExporterMetrics& metrics;
  };
  // `has_backlog`: what cannot be sent is given back to the outbox for as long as it takes, not given up after the last
  // retry. `seed`: of the jitter of back-offs.
  BulkSender(Parts parts, bool has_backlog, uint64_t seed);
  ~BulkSender();

  // A document was refused for good (other than as known already), or given up: its action line.
  std::function<void(std::string_view)> on_refused = [](std::string_view) {};
  // The server refuses updates of executables: it keeps them in a data stream.
  std::function<void()> on_executables_not_updatable = [] {};
  // False: nothing new is begun.
  std::function<bool()> may_send = [] { return true; };
  // False: a server that does not know the parameter require_data_stream.
  std::function<bool()> may_require_data_stream = [] { return true; };

  void tick(const Times& now);
  // No back-off is waited for any more, and a request that fails is not sent again; what is under way at `deadline_ns`
  // is given back, or up, where there is no backlog.
  void stop(const Times& now, uint64_t deadline_ns);
  bool finished() const;  // has nothing left to do after stop()
  bool idle() const;      // nothing under way
  bool healthy() const;   // the server answers, and not that this program may not write

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::elasticsearch
