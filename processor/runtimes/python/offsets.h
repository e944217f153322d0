// SPDX-License-Identifier: Apache-2.0
//
// PythonOffsets: where things stand in CPython's structures, by version: a table of what the headers of each version
// say. From 3.13 on the process says it itself (debug_offsets.h), and what it says holds.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/python.h"
#include "processor/runtimes/python/layout.h"
#include "processor/runtimes/python/version.h"
#include "shared/result.h"

namespace splitprof {

// What the kernel's walk needs; fields as in bpf/python.def, in bytes.
struct PythonFrames {
  uint32_t state_frame = 0;
  bool has_cframe = false;
  uint32_t cframe_frame = 0;
  uint32_t state_thread = 0;
  uint32_t state_base = 0;
  uint32_t previous = 0;
  uint32_t code = 0;
  uint32_t position = 0;
  bool position_is_pointer = false;
  sp_python_boundary boundary = SP_PYTHON_EACH;
  uint32_t boundary_byte = 0;
  uint32_t code_tag = 0;
  uint32_t copy = 0;
  uint32_t code_copies = 0;

  uint32_t bytes() const;  // of a frame that have to be read
};

struct PythonOffsets {
  PythonLayout layout;  // but for code_type, which is the process's
  PythonFrames frames;
  // PyTypeObject.
  uint32_t type_name = 0;
  uint32_t type_basic_size = 0;
  uint32_t type_members = 0;
};

// unsupported: no table for that version; says why.
Result<PythonOffsets> python_offsets(const PythonVersion& version);

// The `fields` of a runtime value; malformed: one is out of the bounds of bpf/python.def.
struct PythonAddresses {
  uint64_t key = 0;     // of the int that is the pthread key; 0: none
  uint64_t holder = 0;  // of the pointer to the GIL holder's thread state; 0: none
};
Result<std::vector<uint64_t>> python_fields(const PythonOffsets& offsets, const PythonAddresses& addresses);

}  // namespace splitprof
