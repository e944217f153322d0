// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/documents.h"

#include <algorithm>
#include <limits>
#include <set>

#include "processor/elasticsearch/attribute_json.h"

namespace splitprof::elasticsearch {
namespace {

// The server keeps 32 bits of a line's number.
int32_t line_number(int64_t line) {
  return static_cast<int32_t>(
      std::clamp<int64_t>(line, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}

// Of one frame: inlined functions of more lines than that are left out, and so are those after this many bytes of
// names.
constexpr size_t kMaxLines = 256;
constexpr size_t kMaxNameBytes = 256u << 10;

std::span<const otel::Line> lines_to_write(const otel::Dictionary& dictionary, const otel::Location& location) {
  const auto lines = dictionary.lines_of(location);
  size_t bytes = 0, count = 0;
  while (count < std::min(lines.size(), kMaxLines) && bytes < kMaxNameBytes) {
    if (const auto* function = dictionary.function(lines[count].function)) {
      bytes += std::min(dictionary.strings[function->name].size(), kMaxTextBytes) +
               std::min(dictionary.strings[function->filename].size(), kMaxTextBytes);
    }
    ++count;
  }
  return lines.first(count);
}

// Written where they are not empty.
struct EventField {
  std::string_view attribute, ecs_name;
};
constexpr EventField kEventFields[] = {
    {"k8s.pod.name", "orchestrator.resource.name"},
    {"container.id", "container.id"},
    {"container.name", "container.name"},
    {"k8s.namespace.name", "k8s.namespace.name"},
    {kServiceName, kServiceName},
    {kExecutableName, kExecutableName},
    {"host.name", "host.name"},
};

// A host's document is about the host, and is made of whichever process's attributes come first.
bool describes_host(std::string_view key) {
  constexpr std::string_view kOfOthers[] = {"process.", "thread.",  "container.",
                                            "service.", "k8s.pod.", "k8s.container."};
  return std::ranges::none_of(kOfOthers, [key](std::string_view prefix) { return key.starts_with(prefix); });
}

// The server wants a small integer there.
bool is_count(const otel::Value& value) {
  const auto* number = std::get_if<int64_t>(&value.v);
  return number != nullptr && *number > 0 && *number <= std::numeric_limits<int32_t>::max();
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

void append_request(std::string& out, std::string_view index, std::string_view field, std::string_view id,
                    std::string_view now) {
  out += R"({"create":{"_id":")";
  out += id;
  out += R"(","_index":")";
  out += index;
  out += "\"}}\n";
  out += R"({"ecs.version":"1.12.0",")";
  out += field;
  out += R"(":[")";
  out += id;
  out += R"("],"Time.created":")";
  out += now;
  out += R"(","Symbolization.time.next":")";
  out += now;
  out += "\",\"Symbolization.retries\":0}\n";
}

}  // namespace

void append_leaf_frame_request(std::string& out, const FrameIdText& frame, std::string_view now) {
  append_request(out, "profiling-sq-leafframes", "Stacktrace.frame.id", frame, now);
}

void append_executable_request(std::string& out, const FileIdText& file, std::string_view now) {
  append_request(out, "profiling-sq-executables", "Executable.file.id", file, now);
}

void append_event_field(std::string& out, const JsonText& json, std::string_view name, std::string_view text,
                        bool always) {
  if (text.empty() && !always) return;
  out += ",\"";
  out += name;
  out += "\":";
  json.append_quoted(out, text);
}

void append_event_attributes(EventParts& parts, const JsonText& json, const Metadata& metadata, bool ecs_names) {
  std::string scratch;
  for (const auto& [attribute, ecs_name] : kEventFields) {
    append_event_field(parts.tail, json, ecs_names ? ecs_name : attribute, metadata.text(attribute, scratch), false);
  }
  parts.executable_is_of_sample = metadata.text(kExecutableName, scratch).empty();
  parts.service_is_of_sample = metadata.text(kServiceName, scratch).empty();
}

void append_frame_fields(std::string& out, const JsonText& json, const otel::Dictionary& dictionary,
                         const otel::Location& location, const FrameFieldNames& names) {
  const auto lines = lines_to_write(dictionary, location);
  if (lines.empty()) return;
  const auto append_array = [&](std::string_view name, auto append_element) {
    out += ",\"";
    out += name;
    out += "\":[";
    for (const otel::Line& line : lines) {
      if (out.back() != '[') out += ',';
      append_element(line);
    }
    out += ']';
  };
  const auto append_name = [&](const otel::Line& line, int32_t otel::Function::*member) {
    const otel::Function* function = dictionary.function(line.function);
    json.append_quoted(out, function == nullptr ? std::string_view() : dictionary.strings[function->*member]);
  };
  append_array(names.file, [&](const otel::Line& line) { append_name(line, &otel::Function::filename); });
  append_array(names.function, [&](const otel::Line& line) { append_name(line, &otel::Function::name); });
  append_array(names.line, [&](const otel::Line& line) { append_number(out, line_number(line.line)); });
}

void append_host_fields(std::string& out, const JsonText& json, const Metadata& metadata) {
  // Written by the caller; twice the same key would be refused.
  std::set<std::string, std::less<>> written{"host.id", "ecs.version", "@timestamp"};
  std::string scratch;
  for (const auto& [key, value] : metadata.all()) {
    const std::string name = lower_case(key);
    const auto text = as_text(*value, scratch);
    const bool is_cores = name == otel::key::kPresentCpuCores;
    if (name.empty() || text.empty() || !describes_host(name) || (is_cores && !is_count(*value))) continue;
    if (!written.insert(name).second) continue;
    out += ',';
    json.append_quoted(out, name);
    out += ':';
    if (is_cores) {
      out += text;
    } else {
      json.append_quoted(out, lower_case(text));
    }
  }
  if (!metadata.scope_version().empty() && !written.contains(otel::key::kAgentVersion)) {
    append_event_field(out, json, otel::key::kAgentVersion, lower_case(metadata.scope_version()), true);
  }
}

}  // namespace splitprof::elasticsearch
