// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_reader.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace splitprof::otlp {
namespace {

[[noreturn]] void refuse(const char* wanted, JsonValue value) {
  // What stands there is whoever's; its first characters say where to look.
  std::string_view raw = value.raw_json_token();
  throw Refused(fail(Errc::malformed, "not {}: {}", wanted, raw.substr(0, 32)));
}

// All of `text`, or no number.
template <typename T>
bool parse(std::string_view text, T& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// ProtoJSON allows integers as text, and with a fraction or exponent as long as they are whole.
template <typename T>
T whole_number(JsonValue value, simdjson::simdjson_result<T> (JsonValue::*get)()) {
  T number{};
  if ((value.*get)().get(number) == simdjson::SUCCESS) return number;
  std::string_view text;
  double fraction = 0;
  if (value.type() == simdjson::ondemand::json_type::string) {
    if (value.get_string().get(text) == simdjson::SUCCESS && parse(text, number)) return number;
  } else if (value.get_double().get(fraction) == simdjson::SUCCESS && std::trunc(fraction) == fraction &&
             fraction >= static_cast<double>(std::numeric_limits<T>::min()) &&
             fraction < static_cast<double>(std::numeric_limits<T>::max())) {
    return static_cast<T>(fraction);
  }
  refuse("a whole number in its range", value);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool from_hex(std::string_view text, std::string& out) {
  if (text.size() % 2 != 0) return false;
  out.clear();
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high << 4 | low);
  }
  return true;
}

// -1: none. Both alphabets: ProtoJSON's readers take the one that is safe in URLs, too.
int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

bool from_base64(std::string_view text, std::string& out) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);  // padding may be left out
  out.clear();
  uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held);
  }
  return held < 6;  // a digit that begins no byte
}

}  // namespace

int64_t integer64(JsonValue value) {
  return whole_number<int64_t>(value, &JsonValue::get_int64);
}
uint64_t unsigned64(JsonValue value) {
  return whole_number<uint64_t>(value, &JsonValue::get_uint64);
}
int32_t integer32(JsonValue value) {
  const int64_t number = integer64(value);
  if (number != static_cast<int32_t>(number)) refuse("a number of 32 bits", value);
  return static_cast<int32_t>(number);
}
uint32_t unsigned32(JsonValue value) {
  const uint64_t number = unsigned64(value);
  if (number != static_cast<uint32_t>(number)) refuse("a number of 32 bits", value);
  return static_cast<uint32_t>(number);
}

double real(JsonValue value) {
  if (value.type() != simdjson::ondemand::json_type::string) return value.get_double();
  const std::string_view text = value.get_string();
  double number = 0;
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (!parse(text, number)) throw Refused(fail(Errc::malformed, "not a number: {}", text.substr(0, 32)));
  return number;
}

std::string JsonReader::read_text(JsonValue value) const {
  const std::string_view text = value.get_string();
  budget_.spend(text.size());
  return std::string(text);
}

std::string JsonReader::read_base64(JsonValue value) const {
  const std::string_view text = value.get_string();
  budget_.spend(text.size());
  std::string bytes;
  if (!from_base64(text, bytes)) throw Refused(fail(Errc::malformed, "not base64: {}", text.substr(0, 32)));
  return bytes;
}

std::string JsonReader::read_id(JsonValue value) const {
  const std::string_view text = value.get_string();
  budget_.spend(text.size());
  std::string bytes;
  if (from_hex(text, bytes)) return bytes;
  if (text.size() < 32 && from_base64(text, bytes) && bytes.size() == 16) return bytes;
  throw Refused(fail(Errc::malformed, "not an id in hexadecimal: {}", text.substr(0, 48)));
}

std::string JsonReader::referred(JsonValue index) const {
  const auto text = strings_[integer32(index)];
  budget_.spend(text.size());
  return std::string(text);
}

void JsonReader::read_resource(JsonValue object, otel::Resource& out) const {
  for_each_member(object, [&](JsonKey key, JsonValue value) {
    if (key.is("attributes")) read_attributes(value, out.attributes, 0);
    if (key.is("droppedAttributesCount")) out.dropped_attributes = unsigned32(value);
  });
}

void JsonReader::read_scope(JsonValue object, otel::Scope& out) const {
  for_each_member(object, [&](JsonKey key, JsonValue value) {
    if (key.is("name")) out.name = read_text(value);
    if (key.is("version")) out.version = read_text(value);
    if (key.is("attributes")) read_attributes(value, out.attributes, 0);
    if (key.is("droppedAttributesCount")) out.dropped_attributes = unsigned32(value);
  });
}

void JsonReader::read_attributes(JsonValue array, otel::Attributes& out, unsigned depth) const {
  for_each_entry(array, [&](JsonValue entry) {
    auto& attribute = append(out, budget_);
    for_each_member(entry, [&](JsonKey key, JsonValue value) {
      if (key.is("key")) attribute.key = read_text(value);
      if (key.is("keyStrindex")) attribute.key = referred(value);
      if (key.is("value")) read_value(value, attribute.value, depth);
    });
  });
}

void JsonReader::read_value(JsonValue object, otel::Value& out, unsigned depth) const {
  if (depth >= otel::kMaxValueDepth)
    throw Refused(fail(Errc::unsupported, "a value is nested deeper than {}", otel::kMaxValueDepth));
  for_each_member(object, [&](JsonKey key, JsonValue value) {
    if (key.is("stringValue")) out.v = read_text(value);
    if (key.is("boolValue")) out.v = bool(value.get_bool());
    if (key.is("intValue")) out.v = integer64(value);
    if (key.is("doubleValue")) out.v = real(value);
    if (key.is("bytesValue")) out.v = otel::Bytes{read_base64(value)};
    if (key.is("stringValueStrindex")) out.v = referred(value);
    if (key.is("arrayValue")) {
      auto& values = out.v.emplace<otel::Value::Array>();
      for_each_member(value, [&](JsonKey name, JsonValue list) {
        if (!name.is("values")) return;
        for_each_entry(list, [&](JsonValue entry) { read_value(entry, append(values, budget_), depth + 1); });
      });
    }
    if (key.is("kvlistValue")) {
      auto& map = out.v.emplace<otel::Value::Map>();
      for_each_member(value, [&](JsonKey name, JsonValue list) {
        if (name.is("values")) read_attributes(list, map, depth + 1);
      });
    }
  });
}

}  // namespace splitprof::otlp
