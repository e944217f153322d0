// SPDX-License-Identifier: Apache-2.0
//
// Stacks: the stacks and frames of one batch by their ids, each worked out once, however many samples have it. Follows
// the dictionary's indices, which may be anything. Its memory is used again for the next batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "processor/elasticsearch/ids.h"
#include "processor/otel/profiles.h"

namespace splitprof::elasticsearch {

struct Frame {
  FrameIdText id;
  FileId file;
  uint64_t address_or_line = 0;
  const otel::Location* location = nullptr;
  uint8_t type = 0;
  bool symbolized = false;  // has a line of a known function
  // Were taken care of in this batch.
  bool frame_seen = false, leaf_seen = false;
};

struct Stack {
  enum class State : uint8_t { good, empty, malformed };
  State state = State::empty;
  bool seen = false;  // was taken care of in this batch
  TraceIdText id;
  uint32_t first = 0, count = 0;  // of Stacks::frames_of_stacks_
};

class Stacks {
 public:
  // `dictionary` stays as it is until the next call.
  void begin(const otel::Dictionary& dictionary);

  // Malformed: a location has no frame type, or asks for more work than the batch may cost. Valid until the next call.
  Stack& find(int32_t index);
  // Leaf first.
  std::span<const uint32_t> frames_of(const Stack& stack) const {
    return std::span<const uint32_t>(frames_of_stacks_).subspan(stack.first, stack.count);
  }
  Frame& frame(uint32_t number) { return frames_[number]; }

  // Of the mapping; kNoFile: it has none, or the mapping is not there. Those of the kernel count once a frame was found
  // that lies in them.
  FileId file_of(int32_t mapping) const;

 private:
  Stack resolve(int32_t index);
  uint32_t resolve_frame(const otel::Location& location);
  FileId file_of(const otel::Location& location, uint8_t type);
  void resolve_mappings();

  const otel::Dictionary* dictionary_ = nullptr;
  std::vector<FileId> files_;  // by mapping
  // By index of the dictionary: the number of what was made of it, plus 1; 0: nothing yet.
  std::vector<uint32_t> stack_numbers_, frame_numbers_;
  std::vector<Stack> stacks_;
  std::vector<Frame> frames_;
  std::vector<uint32_t> frames_of_stacks_;
  uint64_t hashed_bytes_ = 0;
  Stack no_such_stack_;
};

}  // namespace splitprof::elasticsearch
