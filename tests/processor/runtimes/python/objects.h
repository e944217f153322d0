// SPDX-License-Identifier: Apache-2.0
//
// Objects of CPython in a FakeMemory, laid out as a version has them.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "bpf/check_word.h"
#include "processor/runtimes/python/offsets.h"
#include "tests/processor/runtimes/fake_memory.h"

namespace splitprof::testing {

// Each that has a layout of its own. New ones are added at the end: inputs of fuzz_python_function count them.
constexpr PythonVersion kVersions[] = {{3, 6},
                                       {3, 7},
                                       {3, 8},
                                       {3, 9},
                                       {3, 10},
                                       {3, 11},
                                       {3, 12},
                                       {3, 13},
                                       {3, 14},
                                       {3, 15},
                                       {3, 13, 0, false, true},
                                       {3, 14, 0, false, true},
                                       {3, 15, 0, false, true}};
constexpr uint64_t kCodeType = 0x7f00'0000'1000;

inline PythonLayout layout_of(const PythonVersion& version) {
  PythonLayout layout = python_offsets(version).value().layout;
  layout.code_type = RuntimeAddress(kCodeType);
  return layout;
}

// A compact str of characters of `kind` bytes. ASCII only where every one is.
inline void put_string(FakeMemory& memory, const PythonLayout& layout, uint64_t address, std::u32string_view text,
                       uint32_t kind, bool ascii) {
  const uint32_t begin = ascii ? layout.string_ascii_data : layout.string_compact_data;
  memory.map(address, begin + text.size() * kind);
  const bool wide = layout.string_state_kind == PythonStringState::wide;
  memory.write(address + layout.string_length, int64_t(text.size()));
  memory.write(address + layout.string_state,
               wide ? 1u | kind << 8 | 0x800u | (ascii ? 0x1000u : 0) : 1u | kind << 2 | 0x20u | (ascii ? 0x40u : 0));
  for (size_t i = 0; i < text.size(); ++i)
    memory.write_bytes(address + begin + i * kind, std::as_bytes(std::span(&text[i], 1)).first(kind));
}
inline void put_string(FakeMemory& memory, const PythonLayout& layout, uint64_t address, std::u32string_view text) {
  const char32_t most = text.empty() ? 0 : *std::max_element(text.begin(), text.end());
  put_string(memory, layout, address, text, most < 0x100 ? 1 : most < 0x10000 ? 2 : 4, most < 0x80);
}

inline void put_bytes(FakeMemory& memory, const PythonLayout& layout, uint64_t address, std::span<const uint8_t> data) {
  memory.write(address + layout.bytes_size, int64_t(data.size()));
  memory.write_bytes(address + layout.bytes_data, std::as_bytes(data));
}

inline void put_references(FakeMemory& memory, const PythonLayout& layout, uint64_t address, uint32_t references) {
  memory.write(address + (layout.version.free_threaded ? 12 : 0), references);
}

struct CodeAt {
  uint64_t address = 0, name = 0, qualified_name = 0, file = 0, lines = 0;
  int32_t first_line = 0;
};
inline void put_code(FakeMemory& memory, const PythonLayout& layout, const CodeAt& code) {
  put_references(memory, layout, code.address, 3);
  memory.write(code.address + layout.object_type, layout.code_type);
  memory.write(code.address + layout.code_first_line, code.first_line);
  memory.write(code.address + layout.code_name, code.name);
  if (layout.code_qualified_name != 0) memory.write(code.address + layout.code_qualified_name, code.qualified_name);
  memory.write(code.address + layout.code_file, code.file);
  memory.write(code.address + layout.code_lines, code.lines);
}

// As BPF makes it.
inline uint32_t check_word_at(ReadableFile& memory, const PythonLayout& layout, uint64_t code) {
  std::array<uint64_t, SP_MAX_CHECK_WORDS> words{};
  const auto window = std::as_writable_bytes(std::span(words).first(layout.check_words));
  const auto n = memory.read_at(code + layout.check_offset, window);
  if (!n || *n != window.size()) return 0;
  uint64_t state = SP_CHECK_SEED;
  for (uint32_t i = 0; i < layout.check_words; ++i) state = sp_check_add(state, words[i]);
  return sp_check_end(state);
}

}  // namespace splitprof::testing
