// SPDX-License-Identifier: Apache-2.0
//
// OTLP in JSON over any bytes: profiles, and a server's answers; and gzip, in which both come. What is taken keeps
// within its bound of memory, and goes through both encodings unchanged.
#include <cstdint>
#include <string_view>

#include "processor/otlp/gunzip.h"
#include "processor/otlp/status.h"
#include "tests/fuzz/otlp_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof::otlp;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  CHECK(status_message(body, Encoding::json).size() <= 1024);
  const auto answer = decode_response(body, Encoding::json);
  CHECK(!answer || answer->message.size() <= 1024);
  const auto unpacked = gunzip(body, 100'000);
  CHECK(!unpacked || unpacked->size() <= 100'000);
  if (const auto profiles = decode_profiles(body, Encoding::json, {.memory_bytes = 8u << 20}))
    check_round_trip(*profiles);
  return 0;
}
