// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/function_reader.h"

#include <algorithm>

#include "bpf/check_word.h"
#include "processor/runtimes/python/line_table.h"
#include "processor/runtimes/python/object.h"
#include "processor/runtimes/python/strings.h"

namespace splitprof {
namespace {

constexpr uint32_t kMostNameCharacters = 1024;
constexpr uint32_t kMostFileCharacters = 4096;
static_assert(kMostFileCharacters <= kMostCharacters);

// Past this, a function has its name and its first line, but no table: 1 MiB describes some 300,000 instructions.
constexpr int64_t kMostTableBytes = 1 << 20;
constexpr int64_t kMostBytes = int64_t{1} << 31;  // beyond, it is no size

// What counts of a code object.
struct Code {
  uint32_t check = 0;
  int32_t first_line = 0;
  uint64_t file = 0, name = 0, qualified_name = 0, lines = 0;  // addresses
  friend bool operator==(const Code&, const Code&) = default;
};

// Is that an object, and not what is left of one? Freed memory keeps most of its bytes, also the type. But the last
// reference was given back before; and where the count was, CPython's allocators keep the address of the next free
// block, which is 0 or, being in mapped memory, larger than 32 bits (Objects/obmalloc.c, `freeblock`).
Result<bool> is_alive(const PythonObject& object, const PythonLayout& layout) {
  if (layout.version.free_threaded) {
    // struct _object without GIL (3.13, Include/object.h): own references at 12, those of other threads at 16, above
    // two bits of flags.
    const auto own = TRY(object.field<uint32_t>(12));
    const auto shared = TRY(object.field<int64_t>(16));
    return own != 0 || shared >> 2 > 0;
  }
  // Up to 3.13 one number; from 3.14 on 32 bits of count, 16 bits of overflow, 16 bits of flags.
  const auto references = TRY(object.field<uint64_t>(0));
  return (references & 0xffffffff) != 0 && (references >> 32 & 0xffff) == 0;
}

uint32_t check_word(Bytes window) {
  uint64_t state = SP_CHECK_SEED;
  for (uint64_t word; window.read_into(word);) state = sp_check_add(state, word);
  return sp_check_end(state);
}

Result<Code> read_code(ProcessMemory& memory, const PythonLayout& layout, uint64_t address) {
  if (layout.check_words == 0 || layout.check_words > SP_MAX_CHECK_WORDS)
    return fail(Errc::unsupported, "a check word of {} words", layout.check_words);
  const size_t window = size_t{layout.check_words} * 8;
  const size_t end =
      std::max({size_t{layout.check_offset} + window, size_t{layout.object_type} + 8,
                size_t{layout.code_first_line} + 4, size_t{layout.code_file} + 8, size_t{layout.code_name} + 8,
                size_t{layout.code_qualified_name} + 8, size_t{layout.code_lines} + 8});
  PythonObject object;
  TRY(object.read(memory, address, end));
  const auto type = TRY(object.field<uint64_t>(layout.object_type));
  if (type != layout.code_type.value) return fail(Errc::not_found, "no code object is at {:#x} any more", address);
  if (!TRY(is_alive(object, layout))) return fail(Errc::not_found, "the code object at {:#x} was freed", address);
  Code code;
  code.check = check_word(TRY(object.fields(layout.check_offset, window)));
  code.first_line = TRY(object.field<int32_t>(layout.code_first_line));
  code.file = TRY(object.field<uint64_t>(layout.code_file));
  code.name = TRY(object.field<uint64_t>(layout.code_name));
  if (layout.code_qualified_name != 0) code.qualified_name = TRY(object.field<uint64_t>(layout.code_qualified_name));
  code.lines = TRY(object.field<uint64_t>(layout.code_lines));
  return code;
}

Result<LineEntries> read_lines(ProcessMemory& memory, const PythonLayout& layout, const Code& code) {
  PythonObject object;
  TRY(object.read(memory, code.lines, std::max(layout.bytes_size + 8, layout.bytes_data)));
  const auto size = TRY(object.field<int64_t>(layout.bytes_size));
  if (size < 0 || size > kMostBytes) return fail(Errc::malformed, "a table of lines of {} bytes", size);
  if (size > kMostTableBytes) return LineEntries();
  const Bytes table = TRY(object.content(memory, layout.bytes_data, size));
  return parse_line_table(layout.line_table, table, code.first_line);
}

}  // namespace

Result<Function> read_python_function(ProcessMemory& memory, const PythonLayout& layout, const FunctionPlace& place) {
  const Code code = TRY(read_code(memory, layout, place.object));
  if (place.check != 0 && code.check != place.check)
    return fail(Errc::not_found, "another code object has taken the place at {:#x}", place.object);
  if (code.first_line < 0) return fail(Errc::malformed, "first line {}", code.first_line);

  Function function;
  function.first_line = code.first_line;
  const uint64_t name = layout.code_qualified_name != 0 ? code.qualified_name : code.name;
  function.name = TRY(read_python_string(memory, layout, name, kMostNameCharacters));
  if (function.name.empty()) function.name = "<no name>";  // code.replace(co_name="") does that
  function.file = TRY(read_python_string(memory, layout, code.file, kMostFileCharacters));
  function.lines = TRY(read_lines(memory, layout, code));
  // The trampoline that drops what __init__() returned (Python/specialize.c of CPython 3.13, _Py_InitCleanup).
  if (function.name == "__init__" && function.file == "__init__" && function.first_line == 0) function = {};

  // Strings and table belong to the object: if it still is what it was, so are they.
  if (TRY(read_code(memory, layout, place.object)) != code)
    return fail(Errc::not_found, "another code object took the place at {:#x} while it was read", place.object);
  return function;
}

}  // namespace splitprof
