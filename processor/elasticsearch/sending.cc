// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/sending.h"

#include <vector>

#include "processor/elasticsearch/bulk_body.h"

namespace splitprof::elasticsearch {

bool Sending::split() {
  const auto whole = parts.front();
  const auto items = items_of(*whole);
  if (!items || items->size() < 2) return false;
  const auto list = std::span<const BulkItem>(*items);
  const auto half = list.size() / 2;
  parts.front() = std::make_shared<const Message>(message_of(whole->kind, list.first(half)));
  parts.insert(parts.begin() + 1, std::make_shared<const Message>(message_of(whole->kind, list.subspan(half))));
  wire.reset();
  tries = item_tries = 0;
  send_at_ns = 0;
  return true;
}

void Sending::replace_part(Message rest) {
  parts.front() = std::make_shared<const Message>(std::move(rest));
  wire.reset();
}

void Sending::end_part() {
  parts.pop_front();
  wire.reset();
  tries = item_tries = cuts = 0;
  sent_before = false;
  send_at_ns = 0;
}

Message Sending::left() const {
  const std::vector<std::shared_ptr<const Message>> list(parts.begin(), parts.end());
  return joined(list);
}

}  // namespace splitprof::elasticsearch
