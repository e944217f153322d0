// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_writer.h"

#include <fmt/format.h>

#include <cmath>

#include "processor/otlp/utf8.h"

namespace splitprof::otlp {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool needs_escape(char c) {
  return static_cast<uint8_t>(c) < 0x20 || c == '"' || c == '\\';
}

}  // namespace

void JsonWriter::key(std::string_view name) {
  separate();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  comma_ = false;
}

void JsonWriter::text(std::string_view value) {
  std::string mended;
  value = valid_utf8(value, mended);
  separate();
  out_ += '"';
  size_t plain = 0;  // of value, written until here
  for (size_t i = 0; i < value.size(); ++i) {
    if (!needs_escape(value[i])) continue;
    out_ += value.substr(plain, i - plain);
    plain = i + 1;
    switch (value[i]) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\t':
        out_ += "\\t";
        break;
      default:
        out_ += "\\u00";
        out_ += kHex[static_cast<uint8_t>(value[i]) >> 4];
        out_ += kHex[value[i] & 15];
    }
  }
  out_ += value.substr(plain);
  out_ += '"';
}

void JsonWriter::number(int64_t value) {
  separate();
  const fmt::format_int digits(value);
  out_.append(digits.data(), digits.size());
}

void JsonWriter::integer64(int64_t value) {
  separate();
  const fmt::format_int digits(value);
  out_ += '"';
  out_.append(digits.data(), digits.size());
  out_ += '"';
}

void JsonWriter::unsigned64(uint64_t value) {
  separate();
  const fmt::format_int digits(value);
  out_ += '"';
  out_.append(digits.data(), digits.size());
  out_ += '"';
}

void JsonWriter::real(double value) {
  separate();
  // What JSON has no numbers for is text (Protocol Buffers documentation, ProtoJSON format).
  if (std::isnan(value))
    out_ += "\"NaN\"";
  else if (std::isinf(value))
    out_ += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  else
    fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
}

void JsonWriter::hex(std::string_view bytes) {
  separate();
  out_ += '"';
  for (const char c : bytes) {
    out_ += kHex[static_cast<uint8_t>(c) >> 4];
    out_ += kHex[c & 15];
  }
  out_ += '"';
}

void JsonWriter::base64(std::string_view bytes) {
  separate();
  out_ += '"';
  const auto byte = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0u; };
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out_ += kBase64[three >> 18];
    out_ += kBase64[three >> 12 & 63];
    out_ += i + 1 < bytes.size() ? kBase64[three >> 6 & 63] : '=';
    out_ += i + 2 < bytes.size() ? kBase64[three & 63] : '=';
  }
  out_ += '"';
}

}  // namespace splitprof::otlp
