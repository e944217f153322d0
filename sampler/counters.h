// SPDX-License-Identifier: Apache-2.0
//
// The sampler's own counters, declared in counters.def. One object, made by main(), on the sampler's one thread; they
// only grow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace splitprof {

enum class SamplerCounter : size_t {
#define SP_SAMPLER_COUNTER(name, text) name,
#include "sampler/counters.def"
#undef SP_SAMPLER_COUNTER
  end,
};

inline constexpr const char* kSamplerCounterNames[] = {
#define SP_SAMPLER_COUNTER(name, text) #name,
#include "sampler/counters.def"
#undef SP_SAMPLER_COUNTER
};

class SamplerCounters {
 public:
  void add(SamplerCounter counter, uint64_t n = 1) { values_[static_cast<size_t>(counter)] += n; }
  uint64_t operator[](SamplerCounter counter) const { return values_[static_cast<size_t>(counter)]; }

 private:
  std::array<uint64_t, static_cast<size_t>(SamplerCounter::end)> values_{};
};

}  // namespace splitprof
