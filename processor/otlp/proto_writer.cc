// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/proto_writer.h"

namespace splitprof::otlp {

void write_attribute(Writer<field::KeyValue>& out, const otel::KeyValue& attribute) {
  put_text(out, field::KeyValue::key, attribute.key);
  if (attribute.value.v.index() != 0)
    add_message<field::AnyValue>(out, field::KeyValue::value,
                                 [&](auto& inner) { write_value(inner, attribute.value); });
}

void write_value(Writer<field::AnyValue>& out, const otel::Value& value) {
  using Field = field::AnyValue;
  // Whichever is chosen is written, its default as well: that is how readers know which one it is.
  if (const auto* text = std::get_if<std::string>(&value.v)) {
    add_text(out, Field::string_value, *text);
  } else if (const auto* truth = std::get_if<bool>(&value.v)) {
    out.add_bool(Field::bool_value, *truth);
  } else if (const auto* integer = std::get_if<int64_t>(&value.v)) {
    out.add_int64(Field::int_value, *integer);
  } else if (const auto* number = std::get_if<double>(&value.v)) {
    out.add_double(Field::double_value, *number);
  } else if (const auto* bytes = std::get_if<otel::Bytes>(&value.v)) {
    out.add_bytes(Field::bytes_value, bytes->data);
  } else if (const auto* array = std::get_if<otel::Value::Array>(&value.v)) {
    add_message<field::ArrayValue>(out, Field::array_value, [&](auto& list) {
      for (const auto& entry : *array)
        add_message<Field>(list, field::ArrayValue::values, [&](auto& inner) { write_value(inner, entry); });
    });
  } else if (const auto* map = std::get_if<otel::Value::Map>(&value.v)) {
    add_message<field::KeyValueList>(out, Field::kvlist_value,
                                     [&](auto& list) { add_attributes(list, field::KeyValueList::values, *map); });
  }
}

void write_resource(Writer<field::Resource>& out, const otel::Resource& resource) {
  add_attributes(out, field::Resource::attributes, resource.attributes);
  put_uint32(out, field::Resource::dropped_attributes_count, resource.dropped_attributes);
}

void write_scope(Writer<field::Scope>& out, const otel::Scope& scope) {
  put_text(out, field::Scope::name, scope.name);
  put_text(out, field::Scope::version, scope.version);
  add_attributes(out, field::Scope::attributes, scope.attributes);
  put_uint32(out, field::Scope::dropped_attributes_count, scope.dropped_attributes);
}

}  // namespace splitprof::otlp
