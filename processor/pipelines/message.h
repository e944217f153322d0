// SPDX-License-Identifier: Apache-2.0
//
// One request to a server, encoded and ready to be sent: what exporters queue, keep on disk and send again.
#pragma once

#include <cstdint>
#include <string>

namespace splitprof {

struct Message {
  uint16_t kind = 0;     // of the exporter that made it: elasticsearch::Group, otlp::Signal; stands in backlogs
  uint32_t items = 0;    // documents or points in it
  uint32_t samples = 0;  // samples of profiles that it stands for, for the accounting; 0 for what repeats them
  std::string body;      // not compressed
};

}  // namespace splitprof
