// SPDX-License-Identifier: Apache-2.0
//
// Of codec.h: profiles from OTLP JSON.
#pragma once

#include <string_view>

#include "processor/otel/profiles.h"
#include "processor/otlp/budget.h"

namespace splitprof::otlp {

// Throws Refused, or simdjson's exceptions for what is not JSON.
otel::Profiles profiles_from_json(std::string_view body, Budget& budget);

}  // namespace splitprof::otlp
