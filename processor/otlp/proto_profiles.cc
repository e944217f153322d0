// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/proto_encode.h"
#include "processor/otlp/proto_writer.h"

namespace splitprof::otlp {
namespace {

void write_value_type(Writer<field::ValueType>& out, const otel::ValueType& type) {
  put_int32(out, field::ValueType::type_strindex, type.type);
  put_int32(out, field::ValueType::unit_strindex, type.unit);
}

// ---- the dictionary

void write_mapping(Writer<field::Mapping>& out, const otel::Dictionary& dictionary, const otel::Mapping& mapping) {
  using Field = field::Mapping;
  put_uint64(out, Field::memory_start, mapping.memory_start);
  put_uint64(out, Field::memory_limit, mapping.memory_limit);
  put_uint64(out, Field::file_offset, mapping.file_offset);
  put_int32(out, Field::filename_strindex, mapping.filename);
  put_indices(out, Field::attribute_indices, dictionary.attributes_of(mapping));
}

void write_location(Writer<field::Location>& out, const otel::Dictionary& dictionary, const otel::Location& location) {
  using Field = field::Location;
  put_int32(out, Field::mapping_index, location.mapping);
  put_uint64(out, Field::address, location.address);
  for (const auto& line : dictionary.lines_of(location))
    add_message<field::Line>(out, Field::lines, [&](auto& inner) {
      put_int32(inner, field::Line::function_index, line.function);
      put_int64(inner, field::Line::line, line.line);
      put_int64(inner, field::Line::column, line.column);
    });
  put_indices(out, Field::attribute_indices, dictionary.attributes_of(location));
}

void write_function(Writer<field::Function>& out, const otel::Function& function) {
  using Field = field::Function;
  put_int32(out, Field::name_strindex, function.name);
  put_int32(out, Field::system_name_strindex, function.system_name);
  put_int32(out, Field::filename_strindex, function.filename);
  put_int64(out, Field::start_line, function.start_line);
}

void write_table_attribute(Writer<field::KeyValueAndUnit>& out, const otel::Attribute& attribute) {
  using Field = field::KeyValueAndUnit;
  put_int32(out, Field::key_strindex, attribute.key);
  if (attribute.value.v.index() != 0)
    add_message<field::AnyValue>(out, Field::value, [&](auto& inner) { write_value(inner, attribute.value); });
  put_int32(out, Field::unit_strindex, attribute.unit);
}

void write_dictionary(Writer<field::Dictionary>& out, const otel::Dictionary& dictionary) {
  using Field = field::Dictionary;
  for (const auto& mapping : dictionary.mappings)
    add_message<field::Mapping>(out, Field::mapping_table,
                                [&](auto& inner) { write_mapping(inner, dictionary, mapping); });
  for (const auto& location : dictionary.locations)
    add_message<field::Location>(out, Field::location_table,
                                 [&](auto& inner) { write_location(inner, dictionary, location); });
  for (const auto& function : dictionary.functions)
    add_message<field::Function>(out, Field::function_table, [&](auto& inner) { write_function(inner, function); });
  for (const auto& link : dictionary.links)
    add_message<field::Link>(out, Field::link_table, [&](auto& inner) {
      put_bytes(inner, field::Link::trace_id, link.trace_id);
      put_bytes(inner, field::Link::span_id, link.span_id);
    });
  for (size_t i = 0; i < dictionary.strings.size(); ++i)
    add_text(out, Field::string_table, dictionary.strings[static_cast<int32_t>(i)]);
  for (const auto& attribute : dictionary.attributes)
    add_message<field::KeyValueAndUnit>(out, Field::attribute_table,
                                        [&](auto& inner) { write_table_attribute(inner, attribute); });
  for (const auto& stack : dictionary.stacks)
    add_message<field::Stack>(out, Field::stack_table, [&](auto& inner) {
      put_indices(inner, field::Stack::location_indices, part_of(dictionary.indices, stack.locations));
    });
}

// ---- resources, scopes, profiles, samples

void write_sample(Writer<field::Sample>& out, const otel::Profile& profile, const otel::Sample& sample) {
  using Field = field::Sample;
  put_int32(out, Field::stack_index, sample.stack);
  put_indices(out, Field::attribute_indices, part_of(profile.indices, sample.attributes));
  put_int32(out, Field::link_index, sample.link);
  const auto values = part_of(profile.values, sample.values);
  if (!values.empty()) out.add_packed_int64(Field::values, values.begin(), values.end());
  const auto times = part_of(profile.timestamps_ns, sample.timestamps);
  if (!times.empty()) out.add_packed_fixed64(Field::timestamps_unix_nano, times.begin(), times.end());
}

void write_profile(Writer<field::Profile>& out, const otel::Profile& profile) {
  using Field = field::Profile;
  add_message<field::ValueType>(out, Field::sample_type,
                                [&](auto& inner) { write_value_type(inner, profile.sample_type); });
  for (const auto& sample : profile.samples)
    add_message<field::Sample>(out, Field::samples, [&](auto& inner) { write_sample(inner, profile, sample); });
  put_fixed64(out, Field::time_unix_nano, profile.time_ns);
  put_uint64(out, Field::duration_nano, profile.duration_ns);
  add_message<field::ValueType>(out, Field::period_type,
                                [&](auto& inner) { write_value_type(inner, profile.period_type); });
  put_int64(out, Field::period, profile.period);
  put_bytes(out, Field::profile_id, profile.id);
  put_uint32(out, Field::dropped_attributes_count, profile.dropped_attributes);
  put_text(out, Field::original_payload_format, profile.original_payload_format);
  put_bytes(out, Field::original_payload, profile.original_payload);
  put_indices(out, Field::attribute_indices, profile.attributes);
}

void write_scope_profiles(Writer<field::ScopeProfiles>& out, const otel::ScopeProfiles& scope) {
  using Field = field::ScopeProfiles;
  add_message<field::Scope>(out, Field::scope, [&](auto& inner) { write_scope(inner, scope.scope); });
  for (const auto& profile : scope.profiles)
    add_message<field::Profile>(out, Field::profiles, [&](auto& inner) { write_profile(inner, profile); });
  put_text(out, Field::schema_url, scope.schema_url);
}

void write_resource_profiles(Writer<field::ResourceProfiles>& out, const otel::ResourceProfiles& resource) {
  using Field = field::ResourceProfiles;
  add_message<field::Resource>(out, Field::resource, [&](auto& inner) { write_resource(inner, resource.resource); });
  for (const auto& scope : resource.scopes)
    add_message<field::ScopeProfiles>(out, Field::scope_profiles,
                                      [&](auto& inner) { write_scope_profiles(inner, scope); });
  put_text(out, Field::schema_url, resource.schema_url);
}

}  // namespace

std::string to_proto(const otel::Profiles& profiles) {
  using Field = field::ProfilesData;
  std::string buffer;
  Writer<Field> out(buffer);
  for (const auto& resource : profiles.resources)
    add_message<field::ResourceProfiles>(out, Field::resource_profiles,
                                         [&](auto& inner) { write_resource_profiles(inner, resource); });
  add_message<field::Dictionary>(out, Field::dictionary,
                                 [&](auto& inner) { write_dictionary(inner, profiles.dictionary); });
  return buffer;
}

}  // namespace splitprof::otlp
