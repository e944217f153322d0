// SPDX-License-Identifier: Apache-2.0
//
// Reads str objects of a process (PEP 393) as valid UTF-8 that can be shown: control characters, lone surrogates and
// what reorders or hides text become \xNN, \uNNNN or \UNNNNNNNN, as Python's own `backslashreplace` writes them;
// nothing is dropped. A worker's; keeps nothing.
#pragma once

#include <cstdint>
#include <string>

#include "processor/runtimes/process_memory.h"
#include "processor/runtimes/python/layout.h"
#include "shared/result.h"

namespace splitprof {

// Of a longer text the first `max_characters` (<= kMostCharacters) are kept, followed by an ellipsis. malformed: no str
// is there.
constexpr uint32_t kMostCharacters = 4096;
Result<std::string> read_python_string(ProcessMemory& memory, const PythonLayout& layout, uint64_t address,
                                       uint32_t max_characters);

}  // namespace splitprof
