// SPDX-License-Identifier: Apache-2.0
//
// What the decoder of OTLP JSON is made of: simdjson's on-demand cursor, and the types of ProtoJSON on top of it.
// Throws Refused for what has the wrong type, simdjson::simdjson_error for what is not JSON; see budget.h.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "processor/otel/profiles.h"
#include "processor/otlp/budget.h"

namespace splitprof::otlp {

using JsonValue = simdjson::ondemand::value;

// A member's name. One that is written with escapes is none that is known.
class JsonKey {
 public:
  explicit JsonKey(simdjson::ondemand::raw_json_string raw) : raw_(raw) {}
  // simdjson's padding lets this read past the end of a shorter name; no name of OTLP is longer than the padding.
  bool is(std::string_view name) const { return raw_.unsafe_is_equal(name); }

 private:
  simdjson::ondemand::raw_json_string raw_;
};

// null stands for a field that is not there, and is skipped. `use(JsonKey, JsonValue)`; what it does not read is
// skipped.
template <typename Object, typename Use>
void for_each_member(Object&& object, const Use& use) {
  for (auto entry : simdjson::ondemand::object(object.get_object())) {
    simdjson::ondemand::field member = std::move(entry);
    JsonValue value = member.value();
    if (!value.is_null()) use(JsonKey(member.key()), value);
  }
}
template <typename Use>
void for_each_entry(JsonValue array, const Use& use) {
  for (auto entry : array.get_array()) use(JsonValue(std::move(entry)));
}

// Numbers, or the same in quotes.
int64_t integer64(JsonValue value);
uint64_t unsigned64(JsonValue value);
int32_t integer32(JsonValue value);
uint32_t unsigned32(JsonValue value);
double real(JsonValue value);

class JsonReader {
 public:
  JsonReader(const otel::StringTable& strings, Budget& budget) : strings_(strings), budget_(budget) {}

  std::string read_text(JsonValue value) const;
  std::string read_base64(JsonValue value) const;
  // Ids are hexadecimal. 16 bytes in base64, as ProtoJSON has it, cannot be mistaken for that, and are taken, too.
  std::string read_id(JsonValue value) const;
  void read_resource(JsonValue object, otel::Resource& out) const;
  void read_scope(JsonValue object, otel::Scope& out) const;
  void read_value(JsonValue object, otel::Value& out, unsigned depth = 0) const;
  template <typename T>
  void read_indices(JsonValue array, std::vector<T>& pool) const {
    for_each_entry(array, [&](JsonValue entry) { append(pool, integer32(entry), budget_); });
  }

 private:
  void read_attributes(JsonValue array, otel::Attributes& out, unsigned depth) const;
  std::string referred(JsonValue index) const;

  const otel::StringTable& strings_;
  Budget& budget_;
};

}  // namespace splitprof::otlp
