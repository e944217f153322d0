// SPDX-License-Identifier: Apache-2.0
//
// Documents that share a bulk request. Numbers stand in backlogs (Message::kind): never changed, only added.
#pragma once

#include <cstdint>

namespace splitprof::elasticsearch {

enum class Group : uint16_t {
  events = 1,       // the full stream; each item stands for one sample
  downsampled = 2,  // the 5pow streams
  stacktraces = 3,
  stackframes = 4,
  executables = 5,  // executables, hosts and the queues of symbolization
  metrics = 6,
};

}  // namespace splitprof::elasticsearch
