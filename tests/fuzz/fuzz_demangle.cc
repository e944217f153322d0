// SPDX-License-Identifier: Apache-2.0
//
// demangle() over any name: it ends soon, within its bounds, whatever libiberty makes of it.
#include <cstdint>

#include "processor/symbols/demangle.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto name = splitprof::demangle({reinterpret_cast<const char*>(data), size});
  if (name) CHECK(name->size() <= splitprof::kMaxDemangledBytes && size <= splitprof::kMaxMangledBytes);
  return 0;
}
