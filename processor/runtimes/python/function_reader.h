// SPDX-License-Identifier: Apache-2.0
//
// What a code object of CPython is called, and its lines, from the memory of a process. Either all of it is read and
// makes sense, and the object was the recorded one and alive before and after; or there is an error, and never a wrong
// name. A worker's; keeps nothing.
#pragma once

#include "processor/runtimes/function.h"
#include "processor/runtimes/process_memory.h"
#include "processor/runtimes/python/layout.h"
#include "processor/runtimes/runtime.h"
#include "shared/result.h"

namespace splitprof {

// not_found: another object has taken its place, or it was freed; gone: it cannot be read; else: it makes no sense.
Result<Function> read_python_function(ProcessMemory& memory, const PythonLayout& layout, const FunctionPlace& place);

}  // namespace splitprof
