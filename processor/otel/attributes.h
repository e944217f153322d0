// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's attributes: named values of a few types, of resources, scopes, points and samples. Plain values.
// What they mean: OpenTelemetry specification, "Common", AnyValue and KeyValue.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace splitprof::otel {

struct KeyValue;

struct Bytes {
  std::string data;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

// Nested at most kMaxValueDepth deep: readers refuse more.
struct Value {
  using Array = std::vector<Value>;
  using Map = std::vector<KeyValue>;
  std::variant<std::monostate, std::string, bool, int64_t, double, Bytes, Array, Map> v;
  friend bool operator==(const Value&, const Value&);
};
constexpr unsigned kMaxValueDepth = 16;

struct KeyValue {
  std::string key;
  Value value;
  friend bool operator==(const KeyValue&, const KeyValue&);
};
using Attributes = std::vector<KeyValue>;

inline bool operator==(const Value& a, const Value& b) {
  return a.v == b.v;
}
inline bool operator==(const KeyValue& a, const KeyValue& b) {
  return a.key == b.key && a.value == b.value;
}

// The first of that name; null: there is none.
const Value* find(const Attributes& attributes, std::string_view key);
// Overwrites the first of that name, or appends.
void set(Attributes& attributes, std::string_view key, Value value);
// The text of a string value; empty for every other type.
std::string_view text_of(const Value& value);

// Who or what telemetry is about.
struct Resource {
  Attributes attributes;
  uint32_t dropped_attributes = 0;
  friend bool operator==(const Resource&, const Resource&) = default;
};

// What made the telemetry.
struct Scope {
  std::string name, version;
  Attributes attributes;
  uint32_t dropped_attributes = 0;
  friend bool operator==(const Scope&, const Scope&) = default;
};

}  // namespace splitprof::otel
