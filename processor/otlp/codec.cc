// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/codec.h"

#include <simdjson.h>

#include <new>
#include <protozero/exception.hpp>

#include "processor/otlp/budget.h"
#include "processor/otlp/json_decode.h"
#include "processor/otlp/json_encode.h"
#include "processor/otlp/proto_decode.h"
#include "processor/otlp/proto_encode.h"

namespace splitprof::otlp {

Result<otel::Profiles> decode_profiles(std::string_view body, Encoding encoding, const DecodeLimits& limits) {
  Budget budget(limits.memory_bytes);
  try {
    return encoding == Encoding::json ? profiles_from_json(body, budget) : profiles_from_proto(body, budget);
  } catch (const Refused& refused) {
    return fail(refused.error.code, "OTLP profiles: {}", refused.error.message);
  } catch (const protozero::exception& error) {
    return fail(Errc::malformed, "OTLP profiles: not protobuf: {}", error.what());
  } catch (const simdjson::simdjson_error& error) {
    return fail(Errc::malformed, "OTLP profiles: not JSON: {}", error.what());
  } catch (const std::bad_alloc&) {
    return fail(Errc::too_large, "OTLP profiles: no memory left");
  }
}

std::string encode(const otel::Profiles& profiles, Encoding encoding) {
  return encoding == Encoding::json ? to_json(profiles) : to_proto(profiles);
}

std::string encode(const otel::Metrics& metrics, Encoding encoding) {
  return encoding == Encoding::json ? to_json(metrics) : to_proto(metrics);
}

}  // namespace splitprof::otlp
