// SPDX-License-Identifier: Apache-2.0
//
// What a message of the otlphttp exporter holds. Numbers stand in backlogs (Message::kind): never changed, only added.
// The encoding is part of it, as the configuration may have changed since a message was written.
#pragma once

#include <cstdint>

#include "processor/otlp/codec.h"

namespace splitprof::otlp {

enum class Signal : uint16_t {
  profiles_proto = 1,
  metrics_proto = 2,
  profiles_json = 3,
  metrics_json = 4,
};

constexpr Encoding encoding_of(Signal signal) {
  return signal == Signal::profiles_json || signal == Signal::metrics_json ? Encoding::json : Encoding::proto;
}
constexpr bool holds_profiles(Signal signal) {
  return signal == Signal::profiles_proto || signal == Signal::profiles_json;
}

}  // namespace splitprof::otlp
