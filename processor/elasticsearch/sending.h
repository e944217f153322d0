// SPDX-License-Identifier: Apache-2.0
//
// A message of the outbox while it is being sent: whole, or in parts because the server found it too large. Owned by
// the BulkSender; requests under way refer to it. Export thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "processor/http/client.h"
#include "processor/pipelines/message.h"

namespace splitprof::elasticsearch {

struct Sending {
  uint64_t number = 0;                               // of the lease
  std::deque<std::shared_ptr<const Message>> parts;  // what is left of it; the first is under way
  std::shared_ptr<const std::string> wire;           // the first, as it is sent; null: not made yet
  unsigned tries = 0;                                // of the first, after its first
  unsigned item_tries = 0;                           // of single documents in it
  unsigned cuts = 0;                                 // broken connections in a row
  bool sent_before = false;                          // the server may have read it, and no answer came
  uint64_t send_at_ns = 0;                           // a back-off's end
  size_t endpoint = 0;
  std::optional<uint64_t> request;  // under way
  std::optional<Result<http::Response>> answer;

  // The first part in halves. False: it is a single document.
  bool split();
  // Of the first part this is left to be sent.
  void replace_part(Message rest);
  // Of the first part nothing is left to be sent.
  void end_part();
  // All that is left, in one.
  Message left() const;
};

}  // namespace splitprof::elasticsearch
