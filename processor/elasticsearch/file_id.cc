// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/file_id.h"

#define XXH_STATIC_LINKING_ONLY  // for a state that is no allocation
#include <xxhash.h>

#include <bit>
#include <string>

namespace splitprof::elasticsearch {
namespace {

constexpr size_t kShortestBuildId = 16;  // digits, as the OpenTelemetry profiler takes them
constexpr FileId kUnknownKernel{0xfffffffffffffffd, 0xfffffffffffffffd};

void append_big_endian(std::string& out, int64_t number) {
  auto value = static_cast<uint64_t>(number);
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

FileId kernel_file_id(std::string_view gnu_build_id) {
  if (gnu_build_id.size() < kShortestBuildId) return kUnknownKernel;
  Fnv128 hash;
  hash.add(gnu_build_id);
  return {hash.high(), hash.low()};
}

// The hash's state is kept across lines, so that what a line adds is bounded by its own names.
FileId synthesised_file_id(const otel::Dictionary& dictionary, const otel::Location& location) {
  const auto lines = dictionary.lines_of(location);
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  std::string place;
  for (const otel::Line& line : lines) {
    if (const otel::Function* function = dictionary.function(line.function)) {
      const auto name = dictionary.strings[function->name], file = dictionary.strings[function->filename];
      XXH64_update(&state, name.data(), name.size());
      XXH64_update(&state, file.data(), file.size());
    }
    place.clear();
    append_big_endian(place, line.line);
    append_big_endian(place, line.column);
    XXH64_update(&state, place.data(), place.size());
  }
  const uint64_t digest = XXH64_digest(&state);
  return {digest, digest};
}

}  // namespace splitprof::elasticsearch
