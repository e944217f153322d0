// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/strings.h"

#include <algorithm>

#include "processor/export/utf8.h"
#include "processor/runtimes/python/object.h"

namespace splitprof {
namespace {

// Nobody has a name or a path of a gigabyte; a length beyond that is no length.
constexpr int64_t kMostLength = 1 << 30;  // characters

// struct PyASCIIObject's `state` (CPython's Include/cpython/unicodeobject.h).
struct State {
  uint32_t kind = 0;  // bytes a character: 1 Latin-1, 2 UCS-2, 4 UCS-4
  bool compact = false;
  bool ascii = false;
};

Result<State> parse_state(PythonStringState layout, uint32_t word) {
  const bool wide = layout == PythonStringState::wide;
  const State state{.kind = (wide ? word >> 8 : word >> 2) & 7,
                    .compact = (word & (wide ? 0x800 : 0x20)) != 0,
                    .ascii = (word & (wide ? 0x1000 : 0x40)) != 0};
  const bool known = state.kind == 1 || state.kind == 2 || state.kind == 4;
  if (!known || (state.ascii && state.kind != 1)) return fail(Errc::malformed, "state {:#x} of a string", word);
  return state;
}

// Unicode 15.0, table 3-6.
void append_utf8(std::string& out, uint32_t value) {
  const auto continuation = [&](int shift) { out += static_cast<char>(0x80 | (value >> shift & 0x3f)); };
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value < 0x800) {
    out += static_cast<char>(0xc0 | value >> 6);
    continuation(0);
  } else if (value < 0x10000) {
    out += static_cast<char>(0xe0 | value >> 12);
    continuation(6);
    continuation(0);
  } else {
    out += static_cast<char>(0xf0 | value >> 18);
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

void append_escaped(std::string& out, char letter, int digits, uint32_t value) {
  out += '\\';
  out += letter;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15];
}

void append_shown(std::string& out, uint32_t value) {
  const bool is_printable_ascii = value >= 0x20 && value < 0x7f;
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (is_printable_ascii)
    out += static_cast<char>(value);
  else if (!is_surrogate && is_harmless(value))
    append_utf8(out, value);
  else if (value < 0x100)
    append_escaped(out, 'x', 2, value);
  else if (value < 0x10000)
    append_escaped(out, 'u', 4, value);
  else
    append_escaped(out, 'U', 8, value);
}

// `highest`: what a character can be.
template <typename Character>
Result<std::string> show(Bytes text, uint32_t highest) {
  std::string out;
  out.reserve(text.remaining());
  Character character;
  while (text.read_into(character)) {
    if (character > highest) return fail(Errc::malformed, "character {:#x} in a string", uint32_t{character});
    append_shown(out, character);
  }
  return out;
}

}  // namespace

Result<std::string> read_python_string(ProcessMemory& memory, const PythonLayout& layout, uint64_t address,
                                       uint32_t max_characters) {
  PythonObject object;
  TRY(object.read(memory, address, layout.string_ascii_data));
  const auto length = TRY(object.field<int64_t>(layout.string_length));
  const auto state_word = TRY(object.field<uint32_t>(layout.string_state));
  const State state = TRY(parse_state(layout.string_state_kind, state_word));
  if (length < 0 || length > kMostLength) return fail(Errc::malformed, "a string of {} characters", length);

  const size_t characters = std::min<size_t>(length, std::min(max_characters, kMostCharacters));
  size_t begin = state.ascii ? layout.string_ascii_data : layout.string_compact_data;
  PythonObject elsewhere;
  PythonObject* holder = &object;
  if (!state.compact) {  // of a class that is derived from str: the text lies elsewhere, its address behind the header
    Bytes pointer = TRY(object.content(memory, layout.string_compact_data, 8));
    const auto data = TRY(pointer.read<uint64_t>());
    TRY(elsewhere.read(memory, data, 0));
    begin = 0;
    holder = &elsewhere;
  }
  const Bytes text = TRY(holder->content(memory, begin, characters * state.kind));
  std::string shown = state.kind == 1   ? TRY(show<uint8_t>(text, state.ascii ? 0x7f : 0xff))
                      : state.kind == 2 ? TRY(show<uint16_t>(text, 0xffff))
                                        : TRY(show<uint32_t>(text, 0x10ffff));
  if (characters < static_cast<size_t>(length)) shown += "…";
  shown.shrink_to_fit();  // names are kept for long
  return shown;
}

}  // namespace splitprof
