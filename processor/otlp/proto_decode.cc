// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/proto_decode.h"

#include "processor/otlp/fields.h"
#include "processor/otlp/proto_reader.h"
#include "processor/otlp/range.h"

namespace splitprof::otlp {
namespace {

using protozero::data_view;

otel::ValueType read_value_type(data_view view) {
  using Field = field::ValueType;
  otel::ValueType out;
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case varint(Field::type_strindex):
        out.type = reader.get_int32();
        break;
      case varint(Field::unit_strindex):
        out.unit = reader.get_int32();
        break;
      default:
        reader.skip();
    }
  return out;
}

// The tables that everything refers to.
class DictionaryReader {
 public:
  DictionaryReader(otel::Dictionary& out, Budget& budget)
      : out_(out), budget_(budget), attributes_(out.strings, budget) {}

  void read_strings(data_view view) {
    for (Reader<field::Dictionary> reader(view); reader.next();)
      if (reader.tag_and_type() == sized(field::Dictionary::string_table)) {
        const auto string = text(reader.get_view());
        budget_.spend(string.size() + sizeof(uint64_t));
        out_.strings.add(string);
      } else {
        reader.skip();
      }
  }

  void read_tables(data_view view) {
    using Field = field::Dictionary;
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case sized(Field::mapping_table):
          read_mapping(reader.get_view());
          break;
        case sized(Field::location_table):
          read_location(reader.get_view());
          break;
        case sized(Field::function_table):
          read_function(reader.get_view());
          break;
        case sized(Field::link_table):
          read_link(reader.get_view());
          break;
        case sized(Field::attribute_table):
          read_attribute(reader.get_view());
          break;
        case sized(Field::stack_table):
          read_stack(reader.get_view());
          break;
        default:
          reader.skip();
      }
  }

 private:
  void read_mapping(data_view view) {
    using Field = field::Mapping;
    auto& mapping = append(out_.mappings, budget_);
    const Recorded attributes(mapping.attributes, out_.indices);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::memory_start):
          mapping.memory_start = reader.get_uint64();
          break;
        case varint(Field::memory_limit):
          mapping.memory_limit = reader.get_uint64();
          break;
        case varint(Field::file_offset):
          mapping.file_offset = reader.get_uint64();
          break;
        case varint(Field::filename_strindex):
          mapping.filename = reader.get_int32();
          break;
        case sized(Field::attribute_indices):
          append_all(reader.get_packed_int32(), out_.indices, budget_);
          break;
        case varint(Field::attribute_indices):
          append(out_.indices, reader.get_int32(), budget_);
          break;
        default:
          reader.skip();
      }
  }

  void read_location(data_view view) {
    using Field = field::Location;
    auto& location = append(out_.locations, budget_);
    const Recorded attributes(location.attributes, out_.indices);
    const Recorded lines(location.lines, out_.lines);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::mapping_index):
          location.mapping = reader.get_int32();
          break;
        case varint(Field::address):
          location.address = reader.get_uint64();
          break;
        case sized(Field::lines):
          read_line(reader.get_view());
          break;
        case sized(Field::attribute_indices):
          append_all(reader.get_packed_int32(), out_.indices, budget_);
          break;
        case varint(Field::attribute_indices):
          append(out_.indices, reader.get_int32(), budget_);
          break;
        default:
          reader.skip();
      }
  }

  void read_line(data_view view) {
    using Field = field::Line;
    auto& line = append(out_.lines, budget_);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::function_index):
          line.function = reader.get_int32();
          break;
        case varint(Field::line):
          line.line = reader.get_int64();
          break;
        case varint(Field::column):
          line.column = reader.get_int64();
          break;
        default:
          reader.skip();
      }
  }

  void read_function(data_view view) {
    using Field = field::Function;
    auto& function = append(out_.functions, budget_);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::name_strindex):
          function.name = reader.get_int32();
          break;
        case varint(Field::system_name_strindex):
          function.system_name = reader.get_int32();
          break;
        case varint(Field::filename_strindex):
          function.filename = reader.get_int32();
          break;
        case varint(Field::start_line):
          function.start_line = reader.get_int64();
          break;
        default:
          reader.skip();
      }
  }

  void read_link(data_view view) {
    using Field = field::Link;
    auto& link = append(out_.links, budget_);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case sized(Field::trace_id):
          link.trace_id = attributes_.read_text(reader.get_view());
          break;
        case sized(Field::span_id):
          link.span_id = attributes_.read_text(reader.get_view());
          break;
        default:
          reader.skip();
      }
  }

  void read_attribute(data_view view) {
    using Field = field::KeyValueAndUnit;
    auto& attribute = append(out_.attributes, budget_);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::key_strindex):
          attribute.key = reader.get_int32();
          break;
        case sized(Field::value):
          attributes_.read_value(reader.get_view(), attribute.value);
          break;
        case varint(Field::unit_strindex):
          attribute.unit = reader.get_int32();
          break;
        default:
          reader.skip();
      }
  }

  void read_stack(data_view view) {
    using Field = field::Stack;
    auto& stack = append(out_.stacks, budget_);
    const Recorded locations(stack.locations, out_.indices);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case sized(Field::location_indices):
          append_all(reader.get_packed_int32(), out_.indices, budget_);
          break;
        case varint(Field::location_indices):
          append(out_.indices, reader.get_int32(), budget_);
          break;
        default:
          reader.skip();
      }
  }

  otel::Dictionary& out_;
  Budget& budget_;
  AttributeReader attributes_;
};

class ProfileReader {
 public:
  ProfileReader(otel::Profile& out, const AttributeReader& attributes, Budget& budget)
      : out_(out), attributes_(attributes), budget_(budget) {}

  void read(data_view view) {
    using Field = field::Profile;
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case sized(Field::sample_type):
          out_.sample_type = read_value_type(reader.get_view());
          break;
        case sized(Field::samples):
          read_sample(reader.get_view());
          break;
        case fixed64(Field::time_unix_nano):
          out_.time_ns = reader.get_fixed64();
          break;
        case varint(Field::duration_nano):
          out_.duration_ns = reader.get_uint64();
          break;
        case sized(Field::period_type):
          out_.period_type = read_value_type(reader.get_view());
          break;
        case varint(Field::period):
          out_.period = reader.get_int64();
          break;
        case sized(Field::profile_id):
          out_.id = attributes_.read_text(reader.get_view());
          break;
        case varint(Field::dropped_attributes_count):
          out_.dropped_attributes = reader.get_uint32();
          break;
        case sized(Field::original_payload_format):
          out_.original_payload_format = attributes_.read_text(reader.get_view());
          break;
        case sized(Field::original_payload):
          out_.original_payload = attributes_.read_text(reader.get_view());
          break;
        case sized(Field::attribute_indices):
          append_all(reader.get_packed_int32(), out_.attributes, budget_);
          break;
        case varint(Field::attribute_indices):
          append(out_.attributes, reader.get_int32(), budget_);
          break;
        default:
          reader.skip();
      }
  }

 private:
  void read_sample(data_view view) {
    using Field = field::Sample;
    auto& sample = append(out_.samples, budget_);
    const Recorded attributes(sample.attributes, out_.indices);
    const Recorded values(sample.values, out_.values);
    const Recorded timestamps(sample.timestamps, out_.timestamps_ns);
    for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
        case varint(Field::stack_index):
          sample.stack = reader.get_int32();
          break;
        case varint(Field::link_index):
          sample.link = reader.get_int32();
          break;
        case sized(Field::attribute_indices):
          append_all(reader.get_packed_int32(), out_.indices, budget_);
          break;
        case varint(Field::attribute_indices):
          append(out_.indices, reader.get_int32(), budget_);
          break;
        case sized(Field::values):
          append_all(reader.get_packed_int64(), out_.values, budget_);
          break;
        case varint(Field::values):
          append(out_.values, reader.get_int64(), budget_);
          break;
        case sized(Field::timestamps_unix_nano):
          append_all(reader.get_packed_fixed64(), out_.timestamps_ns, budget_);
          break;
        case fixed64(Field::timestamps_unix_nano):
          append(out_.timestamps_ns, reader.get_fixed64(), budget_);
          break;
        default:
          reader.skip();
      }
  }

  otel::Profile& out_;
  const AttributeReader& attributes_;
  Budget& budget_;
};

void read_scope_profiles(data_view view, otel::ScopeProfiles& out, const AttributeReader& attributes, Budget& budget) {
  using Field = field::ScopeProfiles;
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case sized(Field::scope):
        attributes.read_scope(reader.get_view(), out.scope);
        break;
      case sized(Field::profiles):
        ProfileReader(append(out.profiles, budget), attributes, budget).read(reader.get_view());
        break;
      case sized(Field::schema_url):
        out.schema_url = attributes.read_text(reader.get_view());
        break;
      default:
        reader.skip();
    }
}

void read_resource_profiles(data_view view, otel::ResourceProfiles& out, const AttributeReader& attributes,
                            Budget& budget) {
  using Field = field::ResourceProfiles;
  for (Reader<Field> reader(view); reader.next();) switch (reader.tag_and_type()) {
      case sized(Field::resource):
        attributes.read_resource(reader.get_view(), out.resource);
        break;
      case sized(Field::scope_profiles):
        read_scope_profiles(reader.get_view(), append(out.scopes, budget), attributes, budget);
        break;
      case sized(Field::schema_url):
        out.schema_url = attributes.read_text(reader.get_view());
        break;
      default:
        reader.skip();
    }
}

}  // namespace

// Whatever refers to a string may stand before it, so the strings are read first, then their dictionary, then the rest.
otel::Profiles profiles_from_proto(std::string_view body, Budget& budget) {
  using Field = field::ProfilesData;
  otel::Profiles out;
  DictionaryReader dictionary(out.dictionary, budget);
  const AttributeReader attributes(out.dictionary.strings, budget);
  const auto for_each = [&](Field wanted, const auto& read) {
    for (Reader<Field> reader(data_view(body.data(), body.size())); reader.next();)
      if (reader.tag_and_type() == sized(wanted))
        read(reader.get_view());
      else
        reader.skip();
  };
  for_each(Field::dictionary, [&](data_view view) { dictionary.read_strings(view); });
  for_each(Field::dictionary, [&](data_view view) { dictionary.read_tables(view); });
  for_each(Field::resource_profiles,
           [&](data_view view) { read_resource_profiles(view, append(out.resources, budget), attributes, budget); });
  return out;
}

}  // namespace splitprof::otlp
