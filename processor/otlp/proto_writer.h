// SPDX-License-Identifier: Apache-2.0
//
// What all encoders of OTLP protobuf share. put_…() leave out what has its default, as proto3 does.
#pragma once

#include <protozero/pbf_builder.hpp>
#include <span>
#include <string_view>

#include "processor/otel/attributes.h"
#include "processor/otlp/fields.h"
#include "processor/otlp/utf8.h"

namespace splitprof::otlp {

// One message being written, at the end of a buffer.
template <typename Message>
class Writer : public protozero::pbf_builder<Message> {
 public:
  explicit Writer(std::string& buffer) : protozero::pbf_builder<Message>(buffer), buffer_(buffer) {}
  template <typename Outer>
  Writer(Writer<Outer>& outer, Outer field) : protozero::pbf_builder<Message>(outer, field), buffer_(outer.buffer()) {}
  std::string& buffer() { return buffer_; }

 private:
  std::string& buffer_;
};

// A message within another one, filled by `fill(Writer<Inner>&)`. An empty one is written, too, as it counts where it
// is an entry of a table; protozero by itself leaves it out.
template <typename Inner, typename Outer, typename Fill>
void add_message(Writer<Outer>& outer, Outer field, const Fill& fill) {
  const size_t before = outer.buffer().size();
  {
    Writer<Inner> inner(outer, field);
    fill(inner);
  }
  if (outer.buffer().size() == before) outer.add_message(field, "", 0);
}

template <typename Field>
void put_int32(Writer<Field>& out, Field field, int32_t value) {
  if (value != 0) out.add_int32(field, value);
}
template <typename Field>
void put_int64(Writer<Field>& out, Field field, int64_t value) {
  if (value != 0) out.add_int64(field, value);
}
template <typename Field>
void put_uint32(Writer<Field>& out, Field field, uint32_t value) {
  if (value != 0) out.add_uint32(field, value);
}
template <typename Field>
void put_uint64(Writer<Field>& out, Field field, uint64_t value) {
  if (value != 0) out.add_uint64(field, value);
}
template <typename Field>
void put_fixed64(Writer<Field>& out, Field field, uint64_t value) {
  if (value != 0) out.add_fixed64(field, value);
}
template <typename Field>
void put_bytes(Writer<Field>& out, Field field, std::string_view value) {
  if (!value.empty()) out.add_bytes(field, value.data(), value.size());
}
template <typename Field>
void put_indices(Writer<Field>& out, Field field, std::span<const int32_t> values) {
  if (!values.empty()) out.add_packed_int32(field, values.begin(), values.end());
}
// Empty ones, too.
template <typename Field>
void add_text(Writer<Field>& out, Field field, std::string_view value) {
  std::string buffer;
  value = valid_utf8(value, buffer);
  out.add_string(field, value.data(), value.size());
}
template <typename Field>
void put_text(Writer<Field>& out, Field field, std::string_view value) {
  if (!value.empty()) add_text(out, field, value);
}

void write_value(Writer<field::AnyValue>& out, const otel::Value& value);
void write_attribute(Writer<field::KeyValue>& out, const otel::KeyValue& attribute);
void write_resource(Writer<field::Resource>& out, const otel::Resource& resource);
void write_scope(Writer<field::Scope>& out, const otel::Scope& scope);
template <typename Outer>
void add_attributes(Writer<Outer>& out, Outer field, const otel::Attributes& attributes) {
  for (const auto& attribute : attributes)
    add_message<field::KeyValue>(out, field, [&](auto& inner) { write_attribute(inner, attribute); });
}

}  // namespace splitprof::otlp
