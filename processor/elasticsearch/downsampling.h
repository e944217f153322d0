// SPDX-License-Identifier: Apache-2.0
//
// Which of the thinned-out streams an event goes to: level n keeps one fifth of level n - 1, by chance, and what is in
// a level is in all below. The server reads the level whose size suits its query (x-pack plugin "profiling").
#pragma once

#include <cstdint>

namespace splitprof::elasticsearch {

class Downsampling {
 public:
  static constexpr unsigned kLevels = 11;

  explicit Downsampling(uint64_t seed) : state_(seed) {}

  // 0: none; n: streams 1 to n.
  unsigned level() {
    // One draw is eleven digits of base 5, the first of which is the first level's: each is the upper word of a
    // product by 5, the rest is the lower one.
    uint64_t digits = next();
    for (unsigned level = 0; level < kLevels; ++level) {
      __extension__ const auto product = static_cast<unsigned __int128>(digits) * 5;
      if (product >> 64 != 0) return level;
      digits = static_cast<uint64_t>(product);
    }
    return kLevels;
  }

 private:
  // splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  uint64_t state_;
};

}  // namespace splitprof::elasticsearch
