// SPDX-License-Identifier: Apache-2.0
//
// What all decoders of OTLP protobuf share. protozero's reader is the checked cursor: it never reads past its view. It
// does not check wire types itself, so cases are made of number and wire type, and what fits none is skipped.
#pragma once

#include <protozero/pbf_message.hpp>
#include <string_view>

#include "processor/otel/profiles.h"
#include "processor/otlp/budget.h"

namespace splitprof::otlp {

template <typename Message>
using Reader = protozero::pbf_message<Message>;

template <typename Field>
constexpr uint32_t varint(Field field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::varint);
}
template <typename Field>
constexpr uint32_t fixed64(Field field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::fixed64);
}
// Texts, bytes, messages and packed lists.
template <typename Field>
constexpr uint32_t sized(Field field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::length_delimited);
}

inline std::string_view text(protozero::data_view view) {
  return {view.data(), view.size()};
}

template <typename Numbers, typename T>
void append_all(const Numbers& numbers, std::vector<T>& list, Budget& budget) {
  for (const auto number : numbers) append(list, static_cast<T>(number), budget);
}

// Reads what resources, scopes and dictionaries are described by. References are looked up in `strings`.
class AttributeReader {
 public:
  AttributeReader(const otel::StringTable& strings, Budget& budget) : strings_(strings), budget_(budget) {}

  void read_resource(protozero::data_view view, otel::Resource& out) const;
  void read_scope(protozero::data_view view, otel::Scope& out) const;
  // `depth`: of the value within others.
  void read_value(protozero::data_view view, otel::Value& out, unsigned depth = 0) const;
  std::string read_text(protozero::data_view view) const;

 private:
  void read_attribute(protozero::data_view view, otel::Attributes& out, unsigned depth) const;

  const otel::StringTable& strings_;
  Budget& budget_;
};

}  // namespace splitprof::otlp
