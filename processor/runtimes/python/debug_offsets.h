// SPDX-License-Identifier: Apache-2.0
//
// Reads _Py_DebugOffsets, with which _PyRuntime begins since 3.13 so that debuggers need not know a build's layout
// (CPython, Include/internal/pycore_debug_offsets.h). Each minor version has a list of its own. A worker's.
#pragma once

#include <optional>

#include "processor/elf/bytes.h"
#include "processor/runtimes/python/offsets.h"

namespace splitprof {

constexpr size_t kPythonDebugOffsetsHeaderBytes = 24;
constexpr size_t kPythonDebugOffsetsBytes = 888;  // sizeof in 3.15.2, the largest; 584 in 3.13, 760 in 3.14

struct PythonDebugOffsetsHeader {
  PythonVersion version;  // with free_threaded
};

// Nothing: the cookie is not there.
std::optional<PythonDebugOffsetsHeader> read_debug_offsets_header(Bytes in);

// Replaces what `in`, the first kPythonDebugOffsetsBytes of _PyRuntime, says. unsupported: it is not there, or of
// another version than offsets.layout.version; malformed: it contradicts itself.
Result<> apply_debug_offsets(Bytes in, PythonOffsets& offsets);

}  // namespace splitprof
