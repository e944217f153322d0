// SPDX-License-Identifier: Apache-2.0
//
// The answers of OTLP over HTTP: a receiver writes them, an exporter reads those of a server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processor/otlp/codec.h"

namespace splitprof::otlp {

// Of google.rpc.Code, those that are used here.
enum class RpcCode : int { invalid_argument = 3, resource_exhausted = 8, unavailable = 14 };

// google.rpc.Status, the body of an answer that refuses.
std::string encode_status(RpcCode code, std::string_view message, Encoding encoding);
// Its message; empty when there is none, or the body is something else.
std::string status_message(std::string_view body, Encoding encoding);

// ExportProfilesServiceResponse, which says the same as ExportMetricsServiceResponse.
struct PartialSuccess {
  int64_t rejected = 0;  // profiles or data points
  std::string message;
};
// An empty body is a full success.
Result<PartialSuccess> decode_response(std::string_view body, Encoding encoding);
// Of a full success.
inline std::string_view full_success(Encoding encoding) {
  return encoding == Encoding::json ? "{}" : "";
}

}  // namespace splitprof::otlp
