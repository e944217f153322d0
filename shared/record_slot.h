// SPDX-License-Identifier: Apache-2.0
//
// Builds one Cap'n Proto message in place in a slot of the ring (RingWriter::reserve). Lives for one message, on the
// thread that owns the ring. A message that outgrows its slot goes on in memory that is thrown away, and finish() says
// so: the slot is simply not committed.
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace splitprof {

class RecordSlot final : public capnp::MessageBuilder {
 public:
  // `slot` is zeroed: a builder takes stale bytes for pointers.
  explicit RecordSlot(std::span<uint64_t> slot) : slot_(slot) {}

  // How many words of the slot the message takes; 0 when it did not fit.
  size_t finish();

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned int minimum_words) override;

 private:
  std::span<uint64_t> slot_;
  bool slot_given_ = false;
  std::vector<kj::Array<capnp::word>> spilled_;
};

}  // namespace splitprof
