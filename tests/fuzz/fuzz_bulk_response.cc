// SPDX-License-Identifier: Apache-2.0
//
// The answer to a bulk request, which may come from anybody, over any bytes; the first says how many documents the
// request had. What is accepted is about that many, each with a status.
#include <cstdint>
#include <string_view>

#include "processor/elasticsearch/bulk_response.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof::elasticsearch;
  if (size == 0) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto outcomes = parse_bulk_response(json, data[0]);
  CHECK(error_type_of(json).size() <= 512);
  if (!outcomes) return 0;
  CHECK(outcomes->size() == data[0]);
  for (const auto& outcome : *outcomes) {
    CHECK(outcome.status >= 100 && outcome.status <= 999);
    CHECK(outcome.index.size() <= 512 && outcome.error_type.size() <= 512 && outcome.error_reason.size() <= 512);
  }
  return 0;
}
