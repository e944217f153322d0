// SPDX-License-Identifier: Apache-2.0
//
// The elasticsearch exporter's part of the configuration. Plain values, checked by processor/config.
#pragma once

#include <optional>

#include "processor/config/http_options.h"

namespace splitprof {

struct ElasticsearchOptions {
  std::string name;                    // "elasticsearch" or "elasticsearch/eu"
  std::vector<std::string> endpoints;  // at least one; http or https, maybe a path, no user, no trailing slash
  std::string query;                   // of the first endpoint, without '?': added to each bulk request
  HttpOptions http;
  QueueOptions queue;
  RetryOptions retry;
  BacklogOptions backlog;

  enum class ProfilesSchema { ecs, otel };
  ProfilesSchema profiles_schema = ProfilesSchema::ecs;
  bool symbolization_queues = true;  // ecs only
  bool downsampled_events = true;    // the 5pow streams; of ecs by default, of otel when asked for
  std::string metrics_index;         // static target; empty: a data stream
  bool keep_process_attributes =
      false;             // on metrics: process.pid and the like, which make a time series of each process
  std::string pipeline;  // ingest pipeline
  std::optional<bool> include_source_on_error;
  std::string bulk_response_filter_path =
      "items.*._index,items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason";
  bool suppress_conflict_errors = false;
  bool require_setup = true;  // no profiles (ecs) before the server says that it is ready for them
};

}  // namespace splitprof
