// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_decode.h"

#include "processor/otlp/json_reader.h"
#include "processor/otlp/range.h"

namespace splitprof::otlp {
namespace {

otel::ValueType read_value_type(JsonValue object) {
  otel::ValueType out;
  for_each_member(object, [&](JsonKey key, JsonValue value) {
    if (key.is("typeStrindex")) out.type = integer32(value);
    if (key.is("unitStrindex")) out.unit = integer32(value);
  });
  return out;
}

class DictionaryReader {
 public:
  DictionaryReader(otel::Dictionary& out, const JsonReader& reader, Budget& budget)
      : out_(out), reader_(reader), budget_(budget) {}

  void read_strings(JsonValue array) {
    for_each_entry(array, [&](JsonValue entry) {
      const std::string_view text = entry.get_string();
      budget_.spend(text.size() + sizeof(uint64_t));
      out_.strings.add(text);
    });
  }
  void read_table(JsonKey key, JsonValue value) {
    if (key.is("mappingTable")) for_each_entry(value, [&](JsonValue entry) { read_mapping(entry); });
    if (key.is("locationTable")) for_each_entry(value, [&](JsonValue entry) { read_location(entry); });
    if (key.is("functionTable")) for_each_entry(value, [&](JsonValue entry) { read_function(entry); });
    if (key.is("linkTable")) for_each_entry(value, [&](JsonValue entry) { read_link(entry); });
    if (key.is("attributeTable")) for_each_entry(value, [&](JsonValue entry) { read_attribute(entry); });
    if (key.is("stackTable")) for_each_entry(value, [&](JsonValue entry) { read_stack(entry); });
  }

 private:
  void read_mapping(JsonValue object) {
    auto& mapping = append(out_.mappings, budget_);
    const Recorded attributes(mapping.attributes, out_.indices);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("memoryStart")) mapping.memory_start = unsigned64(value);
      if (key.is("memoryLimit")) mapping.memory_limit = unsigned64(value);
      if (key.is("fileOffset")) mapping.file_offset = unsigned64(value);
      if (key.is("filenameStrindex")) mapping.filename = integer32(value);
      if (key.is("attributeIndices")) reader_.read_indices(value, out_.indices);
    });
  }

  void read_location(JsonValue object) {
    auto& location = append(out_.locations, budget_);
    const Recorded attributes(location.attributes, out_.indices);
    const Recorded lines(location.lines, out_.lines);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("mappingIndex")) location.mapping = integer32(value);
      if (key.is("address")) location.address = unsigned64(value);
      if (key.is("lines")) for_each_entry(value, [&](JsonValue entry) { read_line(entry); });
      if (key.is("attributeIndices")) reader_.read_indices(value, out_.indices);
    });
  }

  void read_line(JsonValue object) {
    auto& line = append(out_.lines, budget_);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("functionIndex")) line.function = integer32(value);
      if (key.is("line")) line.line = integer64(value);
      if (key.is("column")) line.column = integer64(value);
    });
  }

  void read_function(JsonValue object) {
    auto& function = append(out_.functions, budget_);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("nameStrindex")) function.name = integer32(value);
      if (key.is("systemNameStrindex")) function.system_name = integer32(value);
      if (key.is("filenameStrindex")) function.filename = integer32(value);
      if (key.is("startLine")) function.start_line = integer64(value);
    });
  }

  void read_link(JsonValue object) {
    auto& link = append(out_.links, budget_);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("traceId")) link.trace_id = reader_.read_id(value);
      if (key.is("spanId")) link.span_id = reader_.read_id(value);
    });
  }

  void read_attribute(JsonValue object) {
    auto& attribute = append(out_.attributes, budget_);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("keyStrindex")) attribute.key = integer32(value);
      if (key.is("value")) reader_.read_value(value, attribute.value);
      if (key.is("unitStrindex")) attribute.unit = integer32(value);
    });
  }

  void read_stack(JsonValue object) {
    auto& stack = append(out_.stacks, budget_);
    const Recorded locations(stack.locations, out_.indices);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("locationIndices")) reader_.read_indices(value, out_.indices);
    });
  }

  otel::Dictionary& out_;
  const JsonReader& reader_;
  Budget& budget_;
};

class ProfileReader {
 public:
  ProfileReader(otel::Profile& out, const JsonReader& reader, Budget& budget)
      : out_(out), reader_(reader), budget_(budget) {}

  void read(JsonValue object) {
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("sampleType")) out_.sample_type = read_value_type(value);
      if (key.is("samples")) for_each_entry(value, [&](JsonValue entry) { read_sample(entry); });
      if (key.is("timeUnixNano")) out_.time_ns = unsigned64(value);
      if (key.is("durationNano")) out_.duration_ns = unsigned64(value);
      if (key.is("periodType")) out_.period_type = read_value_type(value);
      if (key.is("period")) out_.period = integer64(value);
      if (key.is("profileId")) out_.id = reader_.read_id(value);
      if (key.is("droppedAttributesCount")) out_.dropped_attributes = unsigned32(value);
      if (key.is("originalPayloadFormat")) out_.original_payload_format = reader_.read_text(value);
      if (key.is("originalPayload")) out_.original_payload = reader_.read_base64(value);
      if (key.is("attributeIndices")) reader_.read_indices(value, out_.attributes);
    });
  }

 private:
  void read_sample(JsonValue object) {
    auto& sample = append(out_.samples, budget_);
    const Recorded attributes(sample.attributes, out_.indices);
    const Recorded values(sample.values, out_.values);
    const Recorded timestamps(sample.timestamps, out_.timestamps_ns);
    for_each_member(object, [&](JsonKey key, JsonValue value) {
      if (key.is("stackIndex")) sample.stack = integer32(value);
      if (key.is("linkIndex")) sample.link = integer32(value);
      if (key.is("attributeIndices")) reader_.read_indices(value, out_.indices);
      if (key.is("values"))
        for_each_entry(value, [&](JsonValue entry) { append(out_.values, integer64(entry), budget_); });
      if (key.is("timestampsUnixNano"))
        for_each_entry(value, [&](JsonValue entry) { append(out_.timestamps_ns, unsigned64(entry), budget_); });
    });
  }

  otel::Profile& out_;
  const JsonReader& reader_;
  Budget& budget_;
};

void read_scope_profiles(JsonValue object, otel::ScopeProfiles& out, const JsonReader& reader, Budget& budget) {
  for_each_member(object, [&](JsonKey key, JsonValue value) {
    if (key.is("scope")) reader.read_scope(value, out.scope);
    if (key.is("profiles"))
      for_each_entry(value,
                     [&](JsonValue entry) { ProfileReader(append(out.profiles, budget), reader, budget).read(entry); });
    if (key.is("schemaUrl")) out.schema_url = reader.read_text(value);
  });
}

void read_resource_profiles(JsonValue object, otel::ResourceProfiles& out, const JsonReader& reader, Budget& budget) {
  for_each_member(object, [&](JsonKey key, JsonValue value) {
    if (key.is("resource")) reader.read_resource(value, out.resource);
    if (key.is("scopeProfiles"))
      for_each_entry(value,
                     [&](JsonValue entry) { read_scope_profiles(entry, append(out.scopes, budget), reader, budget); });
    if (key.is("schemaUrl")) out.schema_url = reader.read_text(value);
  });
}

}  // namespace

// Whatever refers to a string may stand before it, so the strings are read first, then their dictionary, then the rest.
otel::Profiles profiles_from_json(std::string_view body, Budget& budget) {
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document = parser.iterate(padded);
  otel::Profiles out;
  const JsonReader reader(out.dictionary.strings, budget);
  DictionaryReader dictionary(out.dictionary, reader, budget);
  const auto in_dictionary = [&](const auto& use) {
    for_each_member(document, [&](JsonKey key, JsonValue value) {
      if (key.is("dictionary")) for_each_member(value, use);
    });
    document.rewind();
  };
  in_dictionary([&](JsonKey key, JsonValue value) {
    if (key.is("stringTable")) dictionary.read_strings(value);
  });
  in_dictionary([&](JsonKey key, JsonValue value) { dictionary.read_table(key, value); });
  for_each_member(document, [&](JsonKey key, JsonValue value) {
    if (!key.is("resourceProfiles")) return;
    for_each_entry(
        value, [&](JsonValue entry) { read_resource_profiles(entry, append(out.resources, budget), reader, budget); });
  });
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    throw Refused(fail(Errc::malformed, "something follows the end of the object"));
  return out;
}

}  // namespace splitprof::otlp
