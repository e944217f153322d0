// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "processor/runtimes/python/python.h"
#include "processor/runtimes/runtime.h"

namespace splitprof {
namespace {

const std::array kRuntimes = {&python_runtime()};

}  // namespace

std::span<const Runtime* const> all_runtimes() {
  return kRuntimes;
}

const Runtime* find_runtime(uint8_t frame_kind) {
  const auto found = std::find_if(kRuntimes.begin(), kRuntimes.end(),
                                  [=](const auto* runtime) { return runtime->kind() == frame_kind; });
  return found == kRuntimes.end() ? nullptr : *found;
}

}  // namespace splitprof
