// SPDX-License-Identifier: Apache-2.0
//
// The schema that released versions of Kibana read: flat keys with dots, as the server reads some of these documents
// by exactly those. Elasticsearch 8 and 9, x-pack plugin "profiling", templates of the same names.
#include <array>
#include <string>

#include "processor/elasticsearch/documents.h"
#include "processor/elasticsearch/downsampling.h"

namespace splitprof::elasticsearch {
namespace {

// 1 is what Elastic's cloud uses.
constexpr int kProjectId = 2;

// Of version 1.12.0 of the Elastic Common Schema all documents say that they are.
constexpr std::string_view kVersion = R"("ecs.version":"1.12.0")";

// Constant text, as servers compile at most 150 different ones in five minutes. Times are compared as text because
// that is what they are where the source is synthetic. To a document that is there only a new week is news.
constexpr std::string_view kUpsertScript =
    "if (ctx.op == 'create') { ctx._source['@timestamp'] = params.timestamp; "
    "ctx._source['Executable.build.id'] = params.buildid; ctx._source['Executable.file.name'] = params.filename; "
    "ctx._source['ecs.version'] = params.ecsversion } "
    "else if (String.valueOf(ctx._source['@timestamp']).equals(String.valueOf(params.timestamp))) { ctx.op = 'noop' } "
    "else { ctx._source['@timestamp'] = params.timestamp }";

void append_action(std::string& out, std::string_view action, std::string_view id, std::string_view index) {
  out += "{\"";
  out += action;
  out += R"(":{"_id":")";
  out += id;
  out += R"(","_index":")";
  out += index;
  out += "\"}}\n";
}

class EcsDocuments final : public Documents {
 public:
  explicit EcsDocuments(JsonText json) : json_(json) {
    for (unsigned level = 0; level <= Downsampling::kLevels; ++level) {
      const std::string number = level < 10 ? "0" + std::to_string(level) : std::to_string(level);
      const std::string stream = level == 0 ? "all" : "5pow" + number;
      actions_[level] = R"({"create":{"_index":"profiling-events-)" + stream + "\"}}\n";
    }
  }

  std::string_view event_action(unsigned level) const override { return actions_[level]; }

  EventParts event_parts(const Metadata& metadata, uint64_t samples_per_second) const override {
    EventParts parts;
    parts.head = "{";
    parts.head += kVersion;
    parts.head += R"(,"@timestamp":")";
    parts.middle = R"(","Stacktrace.id":")";
    parts.thread = R"(","process.thread.name":)";
    parts.tail = R"(,"Stacktrace.sampling_frequency":)";
    append_number(parts.tail, samples_per_second);
    parts.tail += R"(,"Stacktrace.count":1,"profiling.project.id":)";
    append_number(parts.tail, kProjectId);
    std::string scratch;
    append_event_field(parts.tail, json_, "host.id", metadata.text("host.id", scratch), true);
    append_event_attributes(parts, json_, metadata, true);
    parts.tail += "}\n";
    return parts;
  }

  void stacktrace(std::string& out, const TraceIdText& id, std::string_view frame_ids, std::string_view frame_types,
                  std::string_view) const override {
    append_action(out, "create", id, "profiling-stacktraces");
    out += '{';
    out += kVersion;
    out += R"(,"Stacktrace.frame.ids":")";
    out += frame_ids;
    out += R"(","Stacktrace.frame.types":")";
    out += frame_types;
    out += "\"}\n";
  }

  void stackframe(std::string& out, const FrameIdText& id, const otel::Dictionary& dictionary,
                  const otel::Location& location, std::string_view) const override {
    append_action(out, "create", id, "profiling-stackframes");
    out += '{';
    out += kVersion;
    append_frame_fields(out, json_, dictionary, location,
                        {"Stackframe.file.name", "Stackframe.function.name", "Stackframe.line.number"});
    out += "}\n";
  }

  void executable(std::string& out, FileId file, std::string_view name, uint64_t week_s) const override {
    const FileIdText id = file_id_text(file);
    append_action(out, create_only_ ? "create" : "update", id, "profiling-executables");
    if (create_only_) {
      out += '{';
      out += kVersion;
      out += R"(,"@timestamp":)";
      append_number(out, week_s);
      out += R"(,"Executable.build.id":")";
      out += id;
      out += R"(","Executable.file.name":)";
      json_.append_quoted(out, name);
      out += "}\n";
      return;
    }
    out += R"({"scripted_upsert":true,"script":{"source":")";
    out += kUpsertScript;
    out += R"(","params":{"timestamp":)";
    append_number(out, week_s);
    out += R"(,"buildid":")";
    out += id;
    out += R"(","filename":)";
    json_.append_quoted(out, name);
    out += ",\"ecsversion\":\"1.12.0\"}},\"upsert\":{}}\n";
  }

  void host(std::string& out, std::string_view host_id, const Metadata& metadata, uint64_t unix_s) const override {
    out += R"({"create":{"_index":"profiling-hosts"}})";
    out += "\n{";
    out += kVersion;
    append_event_field(out, json_, "host.id", host_id, true);
    out += R"(,"@timestamp":)";
    append_number(out, unix_s);
    append_host_fields(out, json_, metadata);
    out += "}\n";
  }

  void create_executables() override { create_only_ = true; }

 private:
  JsonText json_;
  bool create_only_ = false;
  std::array<std::string, Downsampling::kLevels + 1> actions_;
};

}  // namespace

std::unique_ptr<Documents> ecs_documents(JsonText json) {
  return std::make_unique<EcsDocuments>(json);
}

}  // namespace splitprof::elasticsearch
