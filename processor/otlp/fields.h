// SPDX-License-Identifier: Apache-2.0
//
// Field numbers of OTLP, message by message, as opentelemetry-proto 1.11.0 has them (packages common.v1, resource.v1,
// profiles.v1development, metrics.v1 and their collector services); those of profiles are the same since 1.10.0.
// ProfilesData and ExportProfilesServiceRequest have the same fields, and so have MetricsData and
// ExportMetricsServiceRequest: a file's message and a request's body are one thing.
#pragma once

#include <protozero/types.hpp>

namespace splitprof::otlp::field {

using Tag = protozero::pbf_tag_type;

// ---- common and resource

enum class AnyValue : Tag {
  string_value = 1,
  bool_value = 2,
  int_value = 3,  // int64
  double_value = 4,
  array_value = 5,
  kvlist_value = 6,
  bytes_value = 7,
  string_value_strindex = 8,  // int32, of the dictionary's strings; in profiles only
};
enum class ArrayValue : Tag { values = 1 };
enum class KeyValueList : Tag { values = 1 };
enum class KeyValue : Tag { key = 1, value = 2, key_strindex = 3 };  // key_strindex: in profiles only
enum class Resource : Tag { attributes = 1, dropped_attributes_count = 2 };
enum class Scope : Tag { name = 1, version = 2, attributes = 3, dropped_attributes_count = 4 };

// ---- profiles

enum class ProfilesData : Tag { resource_profiles = 1, dictionary = 2 };
enum class Dictionary : Tag {
  mapping_table = 1,
  location_table = 2,
  function_table = 3,
  link_table = 4,
  string_table = 5,
  attribute_table = 6,
  stack_table = 7,
};
enum class ResourceProfiles : Tag { resource = 1, scope_profiles = 2, schema_url = 3 };
enum class ScopeProfiles : Tag { scope = 1, profiles = 2, schema_url = 3 };
enum class Profile : Tag {
  sample_type = 1,
  samples = 2,
  time_unix_nano = 3,  // fixed64
  duration_nano = 4,   // uint64
  period_type = 5,
  period = 6,      // int64
  profile_id = 7,  // bytes
  dropped_attributes_count = 8,
  original_payload_format = 9,
  original_payload = 10,
  attribute_indices = 11,  // packed int32
};
enum class ValueType : Tag { type_strindex = 1, unit_strindex = 2 };
enum class Sample : Tag {
  stack_index = 1,
  attribute_indices = 2,  // packed int32
  link_index = 3,
  values = 4,                // packed int64
  timestamps_unix_nano = 5,  // packed fixed64
};
enum class Mapping : Tag {
  memory_start = 1,  // uint64, and so the next two
  memory_limit = 2,
  file_offset = 3,
  filename_strindex = 4,
  attribute_indices = 5,  // packed int32
};
enum class Stack : Tag { location_indices = 1 };  // packed int32, leaf first
enum class Location : Tag { mapping_index = 1, address = 2, lines = 3, attribute_indices = 4 };  // address: uint64
enum class Line : Tag { function_index = 1, line = 2, column = 3 };  // the latter two: int64
enum class Function : Tag { name_strindex = 1, system_name_strindex = 2, filename_strindex = 3, start_line = 4 };
enum class Link : Tag { trace_id = 1, span_id = 2 };  // bytes
enum class KeyValueAndUnit : Tag { key_strindex = 1, value = 2, unit_strindex = 3 };

// ---- metrics

enum class MetricsData : Tag { resource_metrics = 1 };
enum class ResourceMetrics : Tag { resource = 1, scope_metrics = 2, schema_url = 3 };
enum class ScopeMetrics : Tag { scope = 1, metrics = 2, schema_url = 3 };
enum class Metric : Tag { name = 1, description = 2, unit = 3, gauge = 5, sum = 7 };
enum class Gauge : Tag { data_points = 1 };
enum class Sum : Tag { data_points = 1, aggregation_temporality = 2, is_monotonic = 3 };
enum class NumberDataPoint : Tag {
  start_time_unix_nano = 2,  // fixed64
  time_unix_nano = 3,        // fixed64
  as_int = 6,                // sfixed64
  attributes = 7,
};
constexpr int kTemporalityDelta = 1;  // AggregationTemporality

// ---- answers

// Of profiles and of metrics alike: rejected counts profiles or data points.
enum class ExportResponse : Tag { partial_success = 1 };
enum class PartialSuccess : Tag { rejected = 1, error_message = 2 };
// google.rpc.Status, the body of every answer of 4xx and 5xx.
enum class Status : Tag { code = 1, message = 2 };

}  // namespace splitprof::otlp::field
