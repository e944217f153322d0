// SPDX-License-Identifier: Apache-2.0
//
// Of codec.h: profiles and metrics to protobuf.
#pragma once

#include <string>

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"

namespace splitprof::otlp {

std::string to_proto(const otel::Profiles& profiles);
std::string to_proto(const otel::Metrics& metrics);

}  // namespace splitprof::otlp
