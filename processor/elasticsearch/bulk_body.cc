// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/bulk_body.h"

#include <algorithm>

#include "processor/elasticsearch/group.h"

namespace splitprof::elasticsearch {
namespace {

std::string_view cut_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) return std::exchange(rest, {});
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

// Only in the full stream of events an item stands for a sample.
uint32_t samples_of(uint16_t kind, uint32_t items) {
  return kind == static_cast<uint16_t>(Group::events) ? items : 0;
}

}  // namespace

Result<std::vector<BulkItem>> items_of(const Message& message) {
  std::vector<BulkItem> items;
  items.reserve(std::min<size_t>(message.items, message.body.size() / 2));
  for (std::string_view rest = message.body; !rest.empty();) {
    const auto action = cut_line(rest);
    items.push_back({.action = action, .document = cut_line(rest)});
  }
  if (items.size() != message.items || message.body.empty() || message.body.back() != '\n')
    return fail(Errc::malformed, "a bulk body of {} documents has {} of them", message.items, items.size());
  if (message.samples != samples_of(message.kind, message.items))
    return fail(Errc::malformed, "a bulk body of {} documents stands for {} samples", message.items, message.samples);
  return items;
}

Message message_of(uint16_t kind, std::span<const BulkItem> items) {
  const auto count = static_cast<uint32_t>(items.size());
  Message message{.kind = kind, .items = count, .samples = samples_of(kind, count)};
  size_t size = 0;
  for (const auto& item : items) size += item.action.size() + item.document.size() + 2;
  message.body.reserve(size);
  for (const auto& item : items) {
    (message.body += item.action) += '\n';
    (message.body += item.document) += '\n';
  }
  return message;
}

Message joined(std::span<const std::shared_ptr<const Message>> parts) {
  Message whole{.kind = parts.front()->kind};
  for (const auto& part : parts) {
    whole.items += part->items;
    whole.samples += part->samples;
    whole.body += part->body;
  }
  return whole;
}

}  // namespace splitprof::elasticsearch
