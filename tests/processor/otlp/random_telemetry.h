// SPDX-License-Identifier: Apache-2.0
//
// Profiles and metrics that use every field, by a seed. Texts are valid UTF-8; indices may be anything.
#pragma once

#include <cstdint>

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"

namespace splitprof {

otel::Profiles random_profiles(uint32_t seed);
otel::Metrics random_metrics(uint32_t seed);

// Of the shape that whole-system profiling makes: `samples` samples of one timestamp each, `stacks` distinct stacks of
// `frames` frames, among 50 resources.
otel::Profiles typical_profiles(uint32_t samples, uint32_t stacks, uint32_t frames);

}  // namespace splitprof
