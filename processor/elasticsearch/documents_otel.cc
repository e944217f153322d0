// SPDX-License-Identifier: Apache-2.0
//
// The schema of Elasticsearch 9.6 and newer: data streams, and OpenTelemetry's attributes in real objects, whose names
// keep their dots.
#include <array>
#include <string>

#include "processor/elasticsearch/documents.h"
#include "processor/elasticsearch/downsampling.h"

namespace splitprof::elasticsearch {
namespace {

void append_create(std::string& out, std::string_view id, std::string_view stem) {
  out += R"({"create":{)";
  if (!id.empty()) {
    out += R"("_id":")";
    out += id;
    out += "\",";
  }
  out += R"("_index":"profiling-)";
  out += stem;
  out += kIndexSuffixOfOtel;
  out += "\"}}\n";
}

void append_time(std::string& out, std::string_view time) {
  out += R"({"@timestamp":")";
  out += time;
  out += '"';
}

class OtelDocuments final : public Documents {
 public:
  explicit OtelDocuments(JsonText json) : json_(json) {
    for (unsigned level = 0; level <= Downsampling::kLevels; ++level) {
      const std::string number = level < 10 ? "0" + std::to_string(level) : std::to_string(level);
      append_create(actions_[level], "", level == 0 ? "events-all" : "events-5pow" + number);
    }
  }

  std::string_view event_action(unsigned level) const override { return actions_[level]; }

  EventParts event_parts(const Metadata& metadata, uint64_t samples_per_second) const override {
    EventParts parts;
    parts.head = R"({"@timestamp":")";
    parts.middle = R"(","stacktrace.id":")";
    parts.thread = R"(","sampling_frequency":)";
    append_number(parts.thread, samples_per_second);
    // A sample's attribute among those of the resource: that is where the server looks for it.
    parts.thread += R"(,"count":1,"resource":{"attributes":{"thread.name":)";
    std::string scratch;
    append_event_field(parts.tail, json_, "host.id", metadata.text("host.id", scratch), true);
    append_event_attributes(parts, json_, metadata, false);
    parts.tail += "}}}\n";
    return parts;
  }

  void stacktrace(std::string& out, const TraceIdText& id, std::string_view frame_ids, std::string_view frame_types,
                  std::string_view time) const override {
    append_create(out, id, "stacktraces");
    append_time(out, time);
    out += R"(,"frame.ids":")";
    out += frame_ids;
    out += R"(","frame.types":")";
    out += frame_types;
    out += "\"}\n";
  }

  void stackframe(std::string& out, const FrameIdText& id, const otel::Dictionary& dictionary,
                  const otel::Location& location, std::string_view time) const override {
    append_create(out, id, "stackframes");
    append_time(out, time);
    append_frame_fields(out, json_, dictionary, location, {"function.filename", "function.name", "line.number"});
    out += "}\n";
  }

  void executable(std::string& out, FileId file, std::string_view name, uint64_t week_s) const override {
    append_create(out, file_id_text(file), "executables");
    out += R"({"@timestamp":)";
    append_number(out, week_s);
    out += R"(,"resource":{"attributes":{"process.executable.build_id.htlhash":")";
    out += file_id_digits(file);
    out += R"(","process.executable.name":)";
    json_.append_quoted(out, name);
    out += "}}}\n";
  }

  void host(std::string& out, std::string_view host_id, const Metadata& metadata, uint64_t unix_s) const override {
    append_create(out, "", "hosts");
    out += R"({"@timestamp":)";
    append_number(out, unix_s);
    out += R"(,"resource":{"attributes":{"host.id":)";
    json_.append_quoted(out, host_id);
    append_host_fields(out, json_, metadata);
    out += "}}}\n";
  }

  void create_executables() override {}  // they always are

 private:
  JsonText json_;
  std::array<std::string, Downsampling::kLevels + 1> actions_;
};

}  // namespace

std::unique_ptr<Documents> otel_documents(JsonText json) {
  return std::make_unique<OtelDocuments>(json);
}

}  // namespace splitprof::elasticsearch
