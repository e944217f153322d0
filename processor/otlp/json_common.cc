// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_encode.h"

namespace splitprof::otlp {

void put_text(JsonWriter& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.key(name);
  out.text(text);
}

void put_number(JsonWriter& out, std::string_view name, int64_t value) {
  if (value == 0) return;
  out.key(name);
  out.number(value);
}

void put_integer64(JsonWriter& out, std::string_view name, int64_t value) {
  if (value == 0) return;
  out.key(name);
  out.integer64(value);
}

void put_unsigned64(JsonWriter& out, std::string_view name, uint64_t value) {
  if (value == 0) return;
  out.key(name);
  out.unsigned64(value);
}

void write_value(JsonWriter& out, const otel::Value& value) {
  out.begin_object();
  if (const auto* text = std::get_if<std::string>(&value.v)) {
    out.key("stringValue");
    out.text(*text);
  } else if (const auto* truth = std::get_if<bool>(&value.v)) {
    out.key("boolValue");
    out.boolean(*truth);
  } else if (const auto* integer = std::get_if<int64_t>(&value.v)) {
    out.key("intValue");
    out.integer64(*integer);
  } else if (const auto* number = std::get_if<double>(&value.v)) {
    out.key("doubleValue");
    out.real(*number);
  } else if (const auto* bytes = std::get_if<otel::Bytes>(&value.v)) {
    out.key("bytesValue");
    out.base64(bytes->data);
  } else if (const auto* array = std::get_if<otel::Value::Array>(&value.v)) {
    out.key("arrayValue");
    out.begin_object();
    out.key("values");
    out.begin_array();
    for (const auto& entry : *array) write_value(out, entry);
    out.end_array();
    out.end_object();
  } else if (const auto* map = std::get_if<otel::Value::Map>(&value.v)) {
    out.key("kvlistValue");
    out.begin_object();
    put_attributes(out, "values", *map);
    out.end_object();
  }
  out.end_object();
}

void put_attributes(JsonWriter& out, std::string_view name, const otel::Attributes& attributes) {
  if (attributes.empty()) return;
  out.key(name);
  out.begin_array();
  for (const auto& attribute : attributes) {
    out.begin_object();
    put_text(out, "key", attribute.key);
    if (attribute.value.v.index() != 0) {
      out.key("value");
      write_value(out, attribute.value);
    }
    out.end_object();
  }
  out.end_array();
}

void put_resource(JsonWriter& out, const otel::Resource& resource) {
  out.key("resource");
  out.begin_object();
  put_attributes(out, "attributes", resource.attributes);
  put_number(out, "droppedAttributesCount", resource.dropped_attributes);
  out.end_object();
}

void put_scope(JsonWriter& out, const otel::Scope& scope) {
  out.key("scope");
  out.begin_object();
  put_text(out, "name", scope.name);
  put_text(out, "version", scope.version);
  put_attributes(out, "attributes", scope.attributes);
  put_number(out, "droppedAttributesCount", scope.dropped_attributes);
  out.end_object();
}

}  // namespace splitprof::otlp
