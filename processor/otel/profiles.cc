// SPDX-License-Identifier: Apache-2.0
#include "processor/otel/profiles.h"

#include <algorithm>

namespace splitprof::otel {

uint64_t Profiles::sample_count() const {
  uint64_t count = 0;
  for (const auto& resource : resources)
    for (const auto& scope : resource.scopes)
      for (const auto& profile : scope.profiles)
        for (const auto& sample : profile.samples) count += std::max<uint64_t>(1, sample.timestamps.count);
  return count;
}

}  // namespace splitprof::otel
