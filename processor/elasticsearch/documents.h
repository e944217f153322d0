// SPDX-License-Identifier: Apache-2.0
//
// Documents: how one schema of profiles writes its documents, each with its action line before it. Knows names and
// shapes; what is written, and how often, is decided by profile_documents. Schemas: docs/elasticsearch.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "processor/elasticsearch/ids.h"
#include "processor/elasticsearch/json_text.h"
#include "processor/elasticsearch/metadata.h"
#include "processor/otel/profiles.h"

namespace splitprof::elasticsearch {

// The parts of an event that all events of a profile share. An event is: head TIME middle TRACE_ID thread "THREAD",
// names that only the sample knows, tail.
struct EventParts {
  std::string head, middle, thread, tail;
  bool executable_is_of_sample = false, service_is_of_sample = false;
};

class Documents {
 public:
  virtual ~Documents() = default;

  // Level 0 is the full stream.
  virtual std::string_view event_action(unsigned level) const = 0;
  virtual EventParts event_parts(const Metadata& metadata, uint64_t samples_per_second) const = 0;
  // `frame_ids` are the root's first; `time` is that of the sample.
  virtual void stacktrace(std::string& out, const TraceIdText& id, std::string_view frame_ids,
                          std::string_view frame_types, std::string_view time) const = 0;
  virtual void stackframe(std::string& out, const FrameIdText& id, const otel::Dictionary& dictionary,
                          const otel::Location& location, std::string_view time) const = 0;
  virtual void executable(std::string& out, FileId file, std::string_view name, uint64_t week_s) const = 0;
  virtual void host(std::string& out, std::string_view host_id, const Metadata& metadata, uint64_t unix_s) const = 0;
  // The server keeps executables in a data stream: they cannot be updated.
  virtual void create_executables() = 0;
};

std::unique_ptr<Documents> ecs_documents(JsonText json);
std::unique_ptr<Documents> otel_documents(JsonText json);

// What a service that finds names by address has to look up: only the ECS schema has that.
void append_leaf_frame_request(std::string& out, const FrameIdText& frame, std::string_view now);
void append_executable_request(std::string& out, const FileIdText& file, std::string_view now);

// Shared by both schemas.

constexpr std::string_view kIndexSuffixOfOtel = ".otel-default";

constexpr std::string_view kExecutableName = "process.executable.name", kServiceName = "service.name";

// Appends `,"name":"text"` unless the attribute is empty and need not be there.
void append_event_field(std::string& out, const JsonText& json, std::string_view name, std::string_view text,
                        bool always);
// Those attributes that are the same for all events of a profile, but for host.id; under their ECS names or their own.
void append_event_attributes(EventParts& parts, const JsonText& json, const Metadata& metadata, bool ecs_names);
// Arrays with an element for each line of the location, of these names, or nothing of what is empty.
struct FrameFieldNames {
  std::string_view file, function, line;
};
void append_frame_fields(std::string& out, const JsonText& json, const otel::Dictionary& dictionary,
                         const otel::Location& location, const FrameFieldNames& names);
// The members `"key":value` that describe the host, with lower-case keys and values; each with a comma before it.
void append_host_fields(std::string& out, const JsonText& json, const Metadata& metadata);

}  // namespace splitprof::elasticsearch
