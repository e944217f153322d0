// SPDX-License-Identifier: Apache-2.0
//
// Hashes of texts and numbers that profiled processes choose: with a seed that they cannot know, or they could make all
// of them collide.
#pragma once

#include <sys/random.h>

#include <cstdint>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace splitprof::metrics {

inline uint64_t random_seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) return 0x9e3779b97f4a7c15;  // early at boot
  return seed;
}

inline uint64_t hash(std::string_view text, uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}
inline uint64_t hash(uint64_t first, uint64_t second, uint64_t seed) {
  const uint64_t words[] = {first, second};
  return XXH3_64bits_withSeed(words, sizeof(words), seed);
}

}  // namespace splitprof::metrics
