// SPDX-License-Identifier: Apache-2.0
//
// A Range around whatever is appended to a pool while this lives.
#pragma once

#include "processor/otel/profiles.h"

namespace splitprof::otlp {

template <typename T>
class Recorded {
 public:
  Recorded(otel::Range& range, const std::vector<T>& pool) : range_(range), pool_(pool) {
    range_.begin = static_cast<uint32_t>(pool.size());
  }
  ~Recorded() { range_.count = static_cast<uint32_t>(pool_.size()) - range_.begin; }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

 private:
  otel::Range& range_;
  const std::vector<T>& pool_;
};

}  // namespace splitprof::otlp
