// SPDX-License-Identifier: Apache-2.0
//
// What openers parse with privilege: a line of mountinfo, stat, and a line of status. The first byte chooses.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sampler/opener/mountinfo.h"
#include "sampler/opener/open_target.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 's') {
    splitprof::parse_start_ticks(text);
  } else if (data[0] == 'u') {
    for (unsigned i = 0; i < 4; ++i) splitprof::parse_status_number(text, "NSpid", i);
  } else if (const auto line = splitprof::parse_mountinfo_line(text)) {
    CHECK(!line->type.empty() && line->type.size() <= splitprof::kMaxFileSystemTypeBytes);
    CHECK(line->type.data() >= text.data() && line->type.data() + line->type.size() <= text.data() + text.size());
  }
  return 0;
}
