// SPDX-License-Identifier: Apache-2.0
//
// Field numbers of the pprof format: message by message those of profile.proto, package perftools.profiles, as
// published in github.com/google/pprof (proto/profile.proto).
#pragma once

#include <protozero/types.hpp>

namespace splitprof::pprof {

enum class Profile : protozero::pbf_tag_type {
  repeated_ValueType_sample_type = 1,
  repeated_Sample_sample = 2,
  repeated_Mapping_mapping = 3,
  repeated_Location_location = 4,
  repeated_Function_function = 5,
  repeated_string_string_table = 6,
  int64_time_nanos = 9,
  int64_duration_nanos = 10,
  ValueType_period_type = 11,
  int64_period = 12,
  repeated_int64_comment = 13,  // numbers of strings
  int64_default_sample_type = 14,
};

enum class ValueType : protozero::pbf_tag_type { int64_type = 1, int64_unit = 2 };

enum class Sample : protozero::pbf_tag_type {
  packed_uint64_location_id = 1,  // leaf first
  packed_int64_value = 2,
  repeated_Label_label = 3,
};

enum class Label : protozero::pbf_tag_type { int64_key = 1, int64_str = 2, int64_num = 3 };

enum class Mapping : protozero::pbf_tag_type {
  uint64_id = 1,
  uint64_memory_start = 2,
  uint64_memory_limit = 3,
  uint64_file_offset = 4,
  int64_filename = 5,
  int64_build_id = 6,
  bool_has_functions = 7,
  bool_has_filenames = 8,
  bool_has_line_numbers = 9,
  bool_has_inline_frames = 10,
};

enum class Location : protozero::pbf_tag_type {
  uint64_id = 1,
  uint64_mapping_id = 2,
  uint64_address = 3,
  repeated_Line_line = 4,  // innermost first
};

enum class Line : protozero::pbf_tag_type { uint64_function_id = 1, int64_line = 2 };

enum class Function : protozero::pbf_tag_type {
  uint64_id = 1,
  int64_name = 2,
  int64_system_name = 3,
  int64_filename = 4
};

}  // namespace splitprof::pprof
