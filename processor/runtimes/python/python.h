// SPDX-License-Identifier: Apache-2.0
//
// CPython from 3.6 to 3.15, with and without GIL, on x86-64; in its own program, in libpython, or in any other
// executable. How it is found stands in docs/runtimes.md.
#pragma once

#include "processor/runtimes/runtime.h"

namespace splitprof {

const Runtime& python_runtime();

}  // namespace splitprof
