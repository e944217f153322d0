// SPDX-License-Identifier: Apache-2.0
//
// OTLP to the model of processor/otel and back: profiles both ways, metrics outward, as protobuf or as OTLP JSON. Free
// functions without state, for any thread. What is decoded may be hostile: it is bounded in memory, and references into
// tables are kept as they came (otel::Dictionary's accessors follow them). Does not send, and does not decompress.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"
#include "shared/result.h"

namespace splitprof::otlp {

enum class Encoding : uint8_t { proto, json };

struct DecodeLimits {
  // Of the decoded form. Two bytes of protobuf can be a Profile of 300, so bounding the input is not enough.
  uint64_t memory_bytes = 128u << 20;
};

// Of a ProfilesData or an ExportProfilesServiceRequest, which are the same on the wire. Attributes by reference
// (key_strindex, string_value_strindex) are resolved. Unknown fields are ignored, as both encodings ask for.
// Errc::malformed, ::too_large, or ::unsupported (values nested deeper than otel::kMaxValueDepth).
Result<otel::Profiles> decode_profiles(std::string_view body, Encoding encoding, const DecodeLimits& limits = {});

// Text that is not UTF-8 is made so by U+FFFD: receivers may refuse a whole request for one bad byte.
std::string encode(const otel::Profiles& profiles, Encoding encoding);
std::string encode(const otel::Metrics& metrics, Encoding encoding);

inline const char* content_type(Encoding encoding) {
  return encoding == Encoding::json ? "application/json" : "application/x-protobuf";
}

}  // namespace splitprof::otlp
