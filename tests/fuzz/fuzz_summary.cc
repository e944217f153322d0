// SPDX-License-Identifier: Apache-2.0
//
// summary_from_json over any bytes: the launcher, which may be root, reads it from a process that it does not trust.
// What is accepted can be shown without driving the terminal, and read back equal.
#include <cstdint>
#include <string>

#include "processor/export/summary.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  const auto summary = summary_from_json({reinterpret_cast<const char*>(data), size});
  if (!summary) return 0;
  for (const char c : terminal_summary(*summary, false)) CHECK(static_cast<uint8_t>(c) >= 0x20 || c == '\n');
  const auto text = to_json(*summary);
  const auto again = summary_from_json(text);
  CHECK(again.has_value() && to_json(*again) == text);
  return 0;
}
