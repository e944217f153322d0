// SPDX-License-Identifier: Apache-2.0
//
// Texts as JSON, straight into a body. Whatever the bytes, what is written is valid UTF-8 without a raw control
// character: what is not UTF-8 becomes U+FFFD (RFC 8259; Unicode 15.0, section 3.9).
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace splitprof::elasticsearch {

// The longest keyword that Lucene indexes (IndexWriter.MAX_TERM_LENGTH); a longer one has its whole document refused.
constexpr size_t kMaxTextBytes = 32766;

// Counts what had to be cut.
class JsonText {
 public:
  explicit JsonText(uint64_t& texts_cut) : texts_cut_(texts_cut) {}

  // Without quotation marks, so that texts can be put together.
  void append(std::string& out, std::string_view text) const;
  void append_quoted(std::string& out, std::string_view text) const {
    out += '"';
    append(out, text);
    out += '"';
  }

 private:
  uint64_t& texts_cut_;
};

template <typename Integer>
void append_number(std::string& out, Integer number) {
  char digits[24];
  out.append(digits, static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits));
}

// Always with a decimal point or an exponent, so that the server takes it for what it is; what is not finite is 0.
void append_double(std::string& out, double number);

}  // namespace splitprof::elasticsearch
