// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a process's listing: what is kept is sorted, does not overlap, and is bounded.
#include "processor/processes/mappings.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  const auto list = parse_mappings({reinterpret_cast<const char*>(data), size});
  CHECK(list.mappings.size() <= kMaxMappings);
  uint64_t previous_end = 0;
  for (const auto& mapping : list.mappings) {
    CHECK(mapping.length > 0 && mapping.length % 4096 == 0);
    CHECK(mapping.start.value >= previous_end);
    previous_end = mapping.start.value + mapping.length;
    CHECK(previous_end > mapping.start.value);
    CHECK(mapping.file.path.size() <= kMaxPathBytes);
  }
  return 0;
}
