// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/frame_types.h"

#include <utility>
#include <vector>

#include "processor/elasticsearch/ids.h"

namespace splitprof::elasticsearch {
namespace {

// The OpenTelemetry profiler, libpf/frametype.go, whose numbers the server's profiling plugin knows. Rust has none.
constexpr std::pair<std::string_view, uint8_t> kTypes[] = {
    {"native", 3},  {"kernel", kKernelFrame},
    {"cpython", 1}, {"jvm", 5},
    {"v8js", 8},    {"go", 11},
    {"rust", 3},    {"php", 2},
    {"ruby", 6},    {"perl", 7},
    {"dotnet", 10}, {"beam", 12},
    {"luajit", 13}, {"abort-marker", kErrorFrame},
};

constexpr size_t kLongestRun = 255;

}  // namespace

uint8_t frame_type_number(std::string_view text) {
  for (const auto& [name, number] : kTypes) {
    if (name == text) return number;
  }
  return 0;
}

void append_frame_types(std::string& out, std::span<const uint8_t> types) {
  std::vector<uint8_t> pairs;
  for (size_t i = 0; i < types.size();) {
    size_t end = i + 1;
    while (end < types.size() && types[end] == types[i] && end - i < kLongestRun) ++end;
    pairs.push_back(static_cast<uint8_t>(end - i));
    pairs.push_back(types[i]);
    i = end;
  }
  append_base64url(out, pairs);
}

}  // namespace splitprof::elasticsearch
