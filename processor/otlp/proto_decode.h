// SPDX-License-Identifier: Apache-2.0
//
// Of codec.h: profiles from protobuf.
#pragma once

#include <string_view>

#include "processor/otel/profiles.h"
#include "processor/otlp/budget.h"

namespace splitprof::otlp {

// Throws Refused, or protozero's exceptions for what is malformed.
otel::Profiles profiles_from_proto(std::string_view body, Budget& budget);

}  // namespace splitprof::otlp
