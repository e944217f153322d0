// SPDX-License-Identifier: Apache-2.0
//
// Writes JSON as OTLP wants it, at the end of a buffer: no spaces, 64-bit integers as strings, ids in hexadecimal,
// other bytes in base64. Keeps track of commas, of nothing else: who calls it begins and ends in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace splitprof::otlp {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  // `name`: a constant that needs no escapes.
  void key(std::string_view name);

  void text(std::string_view value);  // what is not UTF-8 becomes U+FFFD
  void number(int64_t value);         // of at most 32 bits
  void integer64(int64_t value);
  void unsigned64(uint64_t value);
  void real(double value);
  void boolean(bool value);
  void hex(std::string_view bytes);
  void base64(std::string_view bytes);

 private:
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void begin(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
  }
  void end(char bracket) {
    out_ += bracket;
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace splitprof::otlp
