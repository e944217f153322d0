// SPDX-License-Identifier: Apache-2.0
//
// PythonLayout: where things stand in the objects that a function's name, file and lines are read from, in one
// interpreter of one process. A plain value; offsets.h makes it. Offsets and sizes are in bytes.
#pragma once

#include <cstdint>

#include "processor/runtimes/python/version.h"
#include "shared/ids.h"

namespace splitprof {

// The format of the table of lines.
enum class PythonLineTable : uint8_t {
  lnotab,     // up to 3.9: co_lnotab, pairs of increments (Objects/lnotab_notes.txt of CPython 3.9)
  ranges,     // 3.10: co_linetable, PEP 626
  locations,  // 3.11 on: co_linetable with columns (Objects/locations.md of CPython 3.11)
};

// How the state word of a string is laid out (PEP 393; PyASCIIObject).
enum class PythonStringState : uint8_t {
  bits,  // kind 0x1c, compact 0x20, ascii 0x40
  wide,  // 3.14 on without GIL: kind 0x700, compact 0x800, ascii 0x1000
};

struct PythonLayout {
  PythonVersion version;
  RuntimeAddress code_type;  // &PyCode_Type in the process; what `object_type` of every code object holds

  // PyObject.
  uint32_t object_type = 0;

  // PyCodeObject. Ints are of 4 bytes, the others pointers.
  uint32_t code_flags = 0;
  uint32_t code_arguments = 0;
  uint32_t code_first_line = 0;
  uint32_t code_file = 0;
  uint32_t code_name = 0;
  uint32_t code_qualified_name = 0;  // 0: there is none (up to 3.10)
  uint32_t code_lines = 0;           // a bytes object
  PythonLineTable line_table = PythonLineTable::locations;
  uint32_t code_start = 0;      // the first instruction; 0: in an object of its own (up to 3.10)
  uint32_t position_bytes = 2;  // what a frame's position counts: 1 up to 3.9, then 2
  // The bytes that the check word is made of (bpf/check_word.h): none of them changes while the object lives.
  uint32_t check_offset = 0;
  uint32_t check_words = 0;  // of 8 bytes, 1 to SP_MAX_CHECK_WORDS

  // PyUnicodeObject.
  uint32_t string_length = 0;        // 8 bytes: code points
  uint32_t string_state = 0;         // 4 bytes
  uint32_t string_ascii_data = 0;    // where the text begins when it is compact and ASCII
  uint32_t string_compact_data = 0;  // and when it is compact, but not ASCII
  PythonStringState string_state_kind = PythonStringState::bits;

  // PyBytesObject.
  uint32_t bytes_size = 0;  // 8 bytes
  uint32_t bytes_data = 0;

  friend bool operator==(const PythonLayout&, const PythonLayout&) = default;
};

}  // namespace splitprof
