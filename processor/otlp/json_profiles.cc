// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_encode.h"

namespace splitprof::otlp {
namespace {

void put_indices(JsonWriter& out, std::string_view name, std::span<const int32_t> indices) {
  if (indices.empty()) return;
  out.key(name);
  out.begin_array();
  for (const int32_t index : indices) out.number(index);
  out.end_array();
}

void put_value_type(JsonWriter& out, std::string_view name, const otel::ValueType& type) {
  out.key(name);
  out.begin_object();
  put_number(out, "typeStrindex", type.type);
  put_number(out, "unitStrindex", type.unit);
  out.end_object();
}

// A table, if it has entries: an object each, filled by `fill(entry)`.
template <typename T, typename Fill>
void put_table(JsonWriter& out, std::string_view name, const std::vector<T>& entries, const Fill& fill) {
  if (entries.empty()) return;
  out.key(name);
  out.begin_array();
  for (const auto& entry : entries) {
    out.begin_object();
    fill(entry);
    out.end_object();
  }
  out.end_array();
}

void put_lines(JsonWriter& out, std::span<const otel::Line> lines) {
  if (lines.empty()) return;
  out.key("lines");
  out.begin_array();
  for (const auto& line : lines) {
    out.begin_object();
    put_number(out, "functionIndex", line.function);
    put_integer64(out, "line", line.line);
    put_integer64(out, "column", line.column);
    out.end_object();
  }
  out.end_array();
}

void put_id(JsonWriter& out, std::string_view name, std::string_view id) {
  if (id.empty()) return;
  out.key(name);
  out.hex(id);
}

void put_strings(JsonWriter& out, const otel::StringTable& strings) {
  if (strings.size() == 0) return;
  out.key("stringTable");
  out.begin_array();
  for (size_t i = 0; i < strings.size(); ++i) out.text(strings[static_cast<int32_t>(i)]);
  out.end_array();
}

void put_dictionary(JsonWriter& out, const otel::Dictionary& dictionary) {
  out.key("dictionary");
  out.begin_object();
  put_table(out, "mappingTable", dictionary.mappings, [&](const otel::Mapping& mapping) {
    put_unsigned64(out, "memoryStart", mapping.memory_start);
    put_unsigned64(out, "memoryLimit", mapping.memory_limit);
    put_unsigned64(out, "fileOffset", mapping.file_offset);
    put_number(out, "filenameStrindex", mapping.filename);
    put_indices(out, "attributeIndices", dictionary.attributes_of(mapping));
  });
  put_table(out, "locationTable", dictionary.locations, [&](const otel::Location& location) {
    put_number(out, "mappingIndex", location.mapping);
    put_unsigned64(out, "address", location.address);
    put_lines(out, dictionary.lines_of(location));
    put_indices(out, "attributeIndices", dictionary.attributes_of(location));
  });
  put_table(out, "functionTable", dictionary.functions, [&](const otel::Function& function) {
    put_number(out, "nameStrindex", function.name);
    put_number(out, "systemNameStrindex", function.system_name);
    put_number(out, "filenameStrindex", function.filename);
    put_integer64(out, "startLine", function.start_line);
  });
  put_table(out, "linkTable", dictionary.links, [&](const otel::Link& link) {
    put_id(out, "traceId", link.trace_id);
    put_id(out, "spanId", link.span_id);
  });
  put_strings(out, dictionary.strings);
  put_table(out, "attributeTable", dictionary.attributes, [&](const otel::Attribute& attribute) {
    put_number(out, "keyStrindex", attribute.key);
    if (attribute.value.v.index() != 0) {
      out.key("value");
      write_value(out, attribute.value);
    }
    put_number(out, "unitStrindex", attribute.unit);
  });
  put_table(out, "stackTable", dictionary.stacks, [&](const otel::Stack& stack) {
    put_indices(out, "locationIndices", part_of(dictionary.indices, stack.locations));
  });
  out.end_object();
}

void put_sample(JsonWriter& out, const otel::Profile& profile, const otel::Sample& sample) {
  put_number(out, "stackIndex", sample.stack);
  put_indices(out, "attributeIndices", part_of(profile.indices, sample.attributes));
  put_number(out, "linkIndex", sample.link);
  if (sample.values.count > 0) {
    out.key("values");
    out.begin_array();
    for (const int64_t value : part_of(profile.values, sample.values)) out.integer64(value);
    out.end_array();
  }
  if (sample.timestamps.count > 0) {
    out.key("timestampsUnixNano");
    out.begin_array();
    for (const uint64_t time : part_of(profile.timestamps_ns, sample.timestamps)) out.unsigned64(time);
    out.end_array();
  }
}

void put_profile(JsonWriter& out, const otel::Profile& profile) {
  put_value_type(out, "sampleType", profile.sample_type);
  put_table(out, "samples", profile.samples, [&](const otel::Sample& sample) { put_sample(out, profile, sample); });
  put_unsigned64(out, "timeUnixNano", profile.time_ns);
  put_unsigned64(out, "durationNano", profile.duration_ns);
  put_value_type(out, "periodType", profile.period_type);
  put_integer64(out, "period", profile.period);
  // The collector reads and writes this id as those of traces are; the specification names only those.
  put_id(out, "profileId", profile.id);
  put_number(out, "droppedAttributesCount", profile.dropped_attributes);
  put_text(out, "originalPayloadFormat", profile.original_payload_format);
  if (!profile.original_payload.empty()) {
    out.key("originalPayload");
    out.base64(profile.original_payload);
  }
  put_indices(out, "attributeIndices", profile.attributes);
}

}  // namespace

std::string to_json(const otel::Profiles& profiles) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  put_table(out, "resourceProfiles", profiles.resources, [&](const otel::ResourceProfiles& resource) {
    put_resource(out, resource.resource);
    put_table(out, "scopeProfiles", resource.scopes, [&](const otel::ScopeProfiles& scope) {
      put_scope(out, scope.scope);
      put_table(out, "profiles", scope.profiles, [&](const otel::Profile& profile) { put_profile(out, profile); });
      put_text(out, "schemaUrl", scope.schema_url);
    });
    put_text(out, "schemaUrl", resource.schema_url);
  });
  put_dictionary(out, profiles.dictionary);
  out.end_object();
  return text;
}

}  // namespace splitprof::otlp
