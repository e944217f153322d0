// SPDX-License-Identifier: Apache-2.0
//
// The body of a bulk request, taken apart into its items and put together from some of them. Any thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "processor/pipelines/message.h"
#include "shared/result.h"

namespace splitprof::elasticsearch {

// Two lines, without their ends.
struct BulkItem {
  std::string_view action, document;
};

// Into the message's body. An error when that does not have as many items, or stand for as many samples, as the message
// says.
Result<std::vector<BulkItem>> items_of(const Message& message);
// A message of the same kind with these items.
Message message_of(uint16_t kind, std::span<const BulkItem> items);
// All of them in one, in this order; they are of the same kind.
Message joined(std::span<const std::shared_ptr<const Message>> parts);

}  // namespace splitprof::elasticsearch
