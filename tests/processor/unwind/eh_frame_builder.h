// SPDX-License-Identifier: Apache-2.0
//
// Puts .eh_frame sections together for tests, in the encodings that gcc and clang use; instructions are given by name.
#pragma once

#include <string>

#include "tests/processor/elf/elf_builder.h"

namespace splitprof::testing {

inline ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline ByteVector uleb(uint64_t value) {
  ByteVector bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<std::byte>(value | 0x80));
  bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

inline ByteVector sleb(int64_t value) {
  ByteVector bytes;
  for (; value < -64 || value > 63; value >>= 7) bytes.push_back(static_cast<std::byte>(value | 0x80));
  bytes.push_back(static_cast<std::byte>(value & 0x7f));
  return bytes;
}

// Call frame instructions.
inline ByteVector advance(int bytes) {
  return bytes_of({0x40 | bytes});
}
inline ByteVector def_cfa(uint64_t reg, uint64_t offset) {
  return bytes_of({0x0c}) + uleb(reg) + uleb(offset);
}
inline ByteVector def_cfa_register(uint64_t reg) {
  return bytes_of({0x0d}) + uleb(reg);
}
inline ByteVector def_cfa_offset(uint64_t offset) {
  return bytes_of({0x0e}) + uleb(offset);
}
inline ByteVector def_cfa_expression(const ByteVector& code) {
  return bytes_of({0x0f}) + uleb(code.size()) + code;
}
inline ByteVector saved(int reg, uint64_t factored) {
  return bytes_of({0x80 | reg}) + uleb(factored);
}
inline ByteVector restore(int reg) {
  return bytes_of({0xc0 | reg});
}
inline ByteVector undefined(uint64_t reg) {
  return bytes_of({0x07}) + uleb(reg);
}
inline ByteVector expression(uint64_t reg, const ByteVector& code) {
  return bytes_of({0x10}) + uleb(reg) + uleb(code.size()) + code;
}
inline ByteVector remember() {
  return bytes_of({0x0a});
}
inline ByteVector restore_state() {
  return bytes_of({0x0b});
}

// DWARF expressions.
inline ByteVector breg(int reg, int64_t offset) {
  return bytes_of({0x70 + reg}) + sleb(offset);
}
inline ByteVector deref() {
  return bytes_of({0x06});
}

class EhFrameBuilder {
 public:
  explicit EhFrameBuilder(uint64_t address, uint8_t encoding = 0x1b) : address_(address), encoding_(encoding) {}

  // Returns what `fde` takes for its CIE. x86-64's usual rules are the default.
  uint32_t cie(const std::string& augmentation = "zR", const ByteVector& instructions = def_cfa(7, 8) + saved(16, 1),
               int64_t data_alignment = -8, uint8_t return_register = 16, uint8_t version = 1) {
    ByteVector body = bytes_of({version}) + bytes_of(augmentation + '\0') + uleb(1) + sleb(data_alignment) +
                      bytes_of({return_register});
    if (augmentation.find('z') == 0) body = body + uleb(1) + bytes_of({encoding_});
    return record(0, body + instructions, true);
  }

  void fde(uint32_t cie, uint64_t start, uint64_t size, const ByteVector& instructions = {}) {
    ByteVector body;
    if (encoding_ == 0x1b) {
      append(body, static_cast<int32_t>(start - (address_ + bytes.size() + 8)));
      append(body, static_cast<int32_t>(size));
    } else {
      append(body, start);
      append(body, size);
    }
    record(static_cast<uint32_t>(bytes.size()) + 4 - cie, body + uleb(0) + instructions, false);
  }

  void end() { append(bytes, uint32_t{0}); }

  ByteVector bytes;

 private:
  uint32_t record(uint32_t id, const ByteVector& body, bool pad) {
    const uint32_t offset = static_cast<uint32_t>(bytes.size());
    const size_t padding = pad ? -body.size() & 3 : 0;
    append(bytes, static_cast<uint32_t>(body.size() + padding + 4));
    append(bytes, id);
    bytes = bytes + body;
    bytes.resize(bytes.size() + padding);
    return offset;
  }

  uint64_t address_;
  uint8_t encoding_;
};

}  // namespace splitprof::testing
