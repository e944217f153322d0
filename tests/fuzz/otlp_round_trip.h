// SPDX-License-Identifier: Apache-2.0
//
// What holds for every batch of OTLP profiles that was taken: it can be shown and folded, and neither encoding loses
// anything of it.
#pragma once

#include <string>

#include "processor/otlp/codec.h"
#include "processor/otlp/debug_exporter.h"
#include "processor/otlp/folded.h"
#include "shared/check.h"

namespace splitprof::otlp {

inline void check_round_trip(const otel::Profiles& profiles) {
  size_t lines = 0;
  DebugExporter({.name = "debug", .verbosity = DebugExporterOptions::Verbosity::detailed}, [&](const std::string&) {
    ++lines;
  }).consume(profiles);
  CHECK(lines > 0 && lines < 2000);
  for (const char c : to_folded(profiles)) CHECK(static_cast<uint8_t>(c) >= 0x20 || c == '\n');

  const DecodeLimits ample{.memory_bytes = 1u << 30};
  const auto proto = encode(profiles, Encoding::proto), json = encode(profiles, Encoding::json);
  const auto from_proto = decode_profiles(proto, Encoding::proto, ample);
  const auto from_json = decode_profiles(json, Encoding::json, ample);
  CHECK(from_proto.has_value() && from_json.has_value());
  CHECK(encode(*from_proto, Encoding::proto) == proto);
  CHECK(encode(*from_proto, Encoding::json) == json);
  CHECK(encode(*from_json, Encoding::json) == json);
  // JSON knows one NaN only.
  if (json.find("\"NaN\"") == std::string::npos) CHECK(encode(*from_json, Encoding::proto) == proto);
}

}  // namespace splitprof::otlp
