// SPDX-License-Identifier: Apache-2.0
//
// Profiles as folded stacks, `process;outermost;…;leaf COUNT` on each line: what flame graph tools read. COUNT is a
// sample's number of timestamps, or where it has none its first value. Stacks of different kinds of profiles add up in
// one text: it is meant for profiles of one kind.
#pragma once

#include <string>

#include "processor/otel/profiles.h"

namespace splitprof::otlp {

std::string to_folded(const otel::Profiles& profiles);

}  // namespace splitprof::otlp
