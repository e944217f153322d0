// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a process's control groups: what is found is a part of them, and fit to be an attribute.
#include <algorithm>

#include "processor/receivers/profiling/container.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = find_container(text);
  for (const auto part : {found.id, found.pod_uid}) {
    CHECK(part.size() <= 255);
    CHECK(part.empty() || (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size()));
    CHECK(std::all_of(part.begin(), part.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '/'; }));
  }
  CHECK(found.pod_uid.empty() || found.pod_uid.size() == 32 || found.pod_uid.size() == 36);
  return 0;
}
