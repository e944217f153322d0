// SPDX-License-Identifier: Apache-2.0
//
// How many allocations the program made so far, standard library included. Benchmarks that link allocations.cc; one
// thread.
#pragma once

#include <cstdint>

namespace splitprof {

uint64_t allocations();

}  // namespace splitprof
