// SPDX-License-Identifier: Apache-2.0
//
// What the readers of components share, and the readers: each turns one component's section into its options. One file
// for each; components.cc lists them by type.
#pragma once

#include <map>
#include <set>
#include <string>

#include "processor/config/collector_config.h"
#include "processor/config/section.h"
#include "processor/config/substitution.h"

namespace splitprof::config {

// An extension that an exporter names in auth.authenticator.
struct Authenticator {
  enum class Kind { basic, bearer };
  Kind kind = Kind::basic;
  std::string user, password;  // basic
  std::string scheme, token;   // bearer
};

struct Reading {
  Problems& problems;
  const Environment& environment;
  std::set<std::string>* keys = nullptr;  // see Section
  // Extensions of service.extensions, by name.
  std::map<std::string, Authenticator> authenticators;
  std::map<std::string, std::string> storages;  // folders
  std::set<std::string> idle_extensions;        // defined, but not in service.extensions

  Section section(const Value& value, const std::string& where, const std::string& kind) {
    return Section(value, where, kind, problems, keys);
  }
};

// Receivers
ProfilingReceiverOptions read_profiling(Section& section, Reading& reading);
OtlpReceiverOptions read_otlp_receiver(Section& section, Reading& reading);
OtlpJsonFileOptions read_otlp_json_file(Section& section, Reading& reading);
// Connectors
ProfilingMetricsOptions read_profiling_metrics(Section& section, Reading& reading);
// Exporters; `name` as in "elasticsearch/eu"
ElasticsearchOptions read_elasticsearch(Section& section, Reading& reading, const std::string& name);
OtlpHttpOptions read_otlp_http(Section& section, Reading& reading, const std::string& name);
FileExporterOptions read_file_exporter(Section& section, Reading& reading);
DebugExporterOptions read_debug(Section& section, Reading& reading);
// Extensions: into `reading`, unless `listed` is false
void read_extension(const Entry& entry, bool listed, Reading& reading);
// service.telemetry
TelemetryOptions read_telemetry(Section section, Reading& reading);

// What exporters that speak HTTP have in common (read_http.cc).
void read_http_client(Section& section, Reading& reading, HttpOptions& http);
// A body is held in memory, compressed besides; Elasticsearch takes 100 MB by default (http.max_content_length).
constexpr int64_t kMaxBodyBytes = 100'000'000;
enum class Batches { by_bytes, none };
// sending_queue and backlog; `exporter` names its folder in a file_storage.
void read_sending(Section& section, Reading& reading, const std::string& exporter, Batches batches, QueueOptions& queue,
                  BacklogOptions& backlog);

}  // namespace splitprof::config
