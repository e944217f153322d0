// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/attribute_json.h"

#include <fmt/core.h>

#include <map>
#include <variant>

namespace splitprof::elasticsearch {
namespace {

constexpr std::string_view kLatitude = ".geo.location.lat", kLongitude = ".geo.location.lon";

std::string digits_of(const std::string& bytes) {
  std::string digits;
  for (const char c : bytes) digits += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return digits;
}

void append_value(std::string& out, const otel::Value& value, const JsonText& json);

// A map as JSON, inside of which maps are maps.
void append_map(std::string& out, const otel::Value::Map& map, const JsonText& json) {
  out += '{';
  for (const auto& [key, value] : map) {
    if (out.back() != '{') out += ',';
    json.append_quoted(out, key);
    out += ':';
    if (const auto* inner = std::get_if<otel::Value::Map>(&value.v)) {
      append_map(out, *inner, json);
    } else {
      append_value(out, value, json);
    }
  }
  out += '}';
}

void append_array(std::string& out, const otel::Value::Array& array, const JsonText& json) {
  out += '[';
  for (const auto& value : array) {
    if (out.back() != '[') out += ',';
    append_value(out, value, json);
  }
  out += ']';
}

void append_value(std::string& out, const otel::Value& value, const JsonText& json) {
  if (const auto* text = std::get_if<std::string>(&value.v)) {
    json.append_quoted(out, *text);
  } else if (const auto* yes = std::get_if<bool>(&value.v)) {
    out += *yes ? "true" : "false";
  } else if (const auto* integer = std::get_if<int64_t>(&value.v)) {
    append_number(out, *integer);
  } else if (const auto* number = std::get_if<double>(&value.v)) {
    append_double(out, *number);
  } else if (const auto* bytes = std::get_if<otel::Bytes>(&value.v)) {
    json.append_quoted(out, digits_of(bytes->data));
  } else if (const auto* array = std::get_if<otel::Value::Array>(&value.v)) {
    append_array(out, *array, json);
  } else if (const auto* map = std::get_if<otel::Value::Map>(&value.v)) {
    std::string inner;
    append_map(inner, *map, json);
    json.append_quoted(out, inner);
  } else {
    out += "null";
  }
}

using Sorted = std::map<std::string_view, const otel::Value*>;

// The first half of a pair's keys: "NAME.geo.location" of "NAME.geo.location.lat", if the other one is there.
std::string_view geo_point_of(const Sorted& sorted, std::string_view key) {
  if (!key.ends_with(kLatitude) && !key.ends_with(kLongitude)) return {};
  const auto name = key.substr(0, key.size() - kLatitude.size());
  for (const auto half : {kLatitude, kLongitude}) {
    const auto found = sorted.find(std::string(name) + std::string(half));
    if (found == sorted.end() || !std::holds_alternative<double>(found->second->v)) return {};
  }
  return key.substr(0, key.size() - std::string_view(".lat").size());
}

}  // namespace

std::string_view as_text(const otel::Value& value, std::string& scratch) {
  if (const auto* text = std::get_if<std::string>(&value.v)) return *text;
  if (std::holds_alternative<std::monostate>(value.v)) return {};
  scratch.clear();
  uint64_t not_counted = 0;
  const JsonText json(not_counted);
  if (const auto* bytes = std::get_if<otel::Bytes>(&value.v)) {
    scratch = digits_of(bytes->data);
  } else if (const auto* map = std::get_if<otel::Value::Map>(&value.v)) {
    append_map(scratch, *map, json);
  } else {
    append_value(scratch, value, json);
  }
  return scratch;
}

void append_attributes(std::string& out, const otel::Attributes& attributes, const JsonText& json,
                       const std::function<bool(std::string_view)>& wanted) {
  Sorted sorted;
  for (const auto& [key, value] : attributes) {
    const bool nothing = key.empty() || std::holds_alternative<std::monostate>(value.v);
    if (!nothing && wanted(key)) sorted.emplace(key, &value);
  }
  out += '{';
  for (const auto& [key, value] : sorted) {
    const auto point = geo_point_of(sorted, key);
    if (!point.empty() && key.ends_with(kLongitude)) continue;  // was written with its latitude
    if (out.back() != '{') out += ',';
    if (point.empty()) {
      json.append_quoted(out, key);
      out += ':';
      append_value(out, *value, json);
    } else {
      json.append_quoted(out, point);
      out += ":[";
      append_double(out, std::get<double>(sorted.find(std::string(point) + ".lon")->second->v));
      out += ',';
      append_double(out, std::get<double>(value->v));
      out += ']';
    }
  }
  out += '}';
}

}  // namespace splitprof::elasticsearch
