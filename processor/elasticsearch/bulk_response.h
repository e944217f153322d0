// SPDX-License-Identifier: Apache-2.0
//
// Reads what a server answers to a bulk request. The bytes are the server's, or of whoever answers in its place: they
// may be anything. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace splitprof::elasticsearch {

// What became of one document.
struct ItemOutcome {
  int status = 0;  // 100 to 999
  // Empty for those that were stored, and at most 512 bytes each.
  std::string index, error_type, error_reason;
  std::string failure_store;  // "used", "failed", …; empty: the answer does not say
};

// In the order of the request. An error for everything that is not the answer to a request of `items` documents.
Result<std::vector<ItemOutcome>> parse_bulk_response(std::string_view json, size_t items);

// error.type of an answer that refuses a whole request; empty when it says none.
std::string error_type_of(std::string_view json);

}  // namespace splitprof::elasticsearch
