// SPDX-License-Identifier: Apache-2.0
//
// What the stacks of one batch add to the sums. Each distinct stack is looked at once, each distinct location once,
// each distinct name once: the tables of the batch's dictionary are numbers already, so what is known of an entry
// stands beside it. Made for a batch, gone with it. A batch may hold anything: what cannot be resolved has a name in
// Trouble and stops nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "processor/metrics/frame_type.h"
#include "processor/metrics/series.h"
#include "processor/otel/profiles.h"

namespace splitprof::metrics {

// Why the walk of a stack ended at a frame that could not be told.
enum class Trouble : uint8_t {
  none,
  location_missing,       // no such location
  attribute_missing,      // no such attribute, before one that names the frame's type
  attribute_key_missing,  // an attribute whose key is no string of the dictionary, likewise
  frame_type_unknown,     // a type without a metric
  frame_type_absent,      // no type
  kTroubles,
};
constexpr size_t kTroubles = static_cast<size_t>(Trouble::kTroubles);

enum class Outcome : uint8_t {
  unknown,       // not looked at yet
  empty,         // no frames, or no such stack
  user,          // the leaf is of user space
  kernel,        // the leaf is the kernel's
  unclassified,  // the leaf is in trouble
  kOutcomes,
};
constexpr size_t kOutcomes = static_cast<size_t>(Outcome::kOutcomes);

struct StackFacts {
  uint32_t series = SeriesTable::kNone;  // that a sample adds to, besides samples.user.count
  Outcome outcome = Outcome::unknown;
  Trouble trouble = Trouble::none;
};

class StackReader {
 public:
  StackReader(const otel::Dictionary& dictionary, const std::array<bool, kMetrics>& enabled, SeriesTable& series);

  // Of any number: what is no stack is empty.
  const StackFacts& facts(int32_t stack) {
    const bool known = stack >= 0 && static_cast<size_t>(stack) < stacks_.size();
    if (!known) return no_stack_;
    StackFacts& facts = stacks_[static_cast<size_t>(stack)];
    if (facts.outcome == Outcome::unknown) facts = read(stack);
    return facts;
  }

  // Names of files and functions that are not in the dictionary, and were left out.
  uint64_t names_missing() const { return names_missing_; }
  // A frame type without a metric, if there was one; valid as long as the batch.
  std::string_view odd_frame_type() const { return odd_frame_type_; }

 private:
  // A location as the walk sees it.
  struct Frame {
    uint32_t text = SeriesTable::kNone;  // native: the library; kernel: the system call
    FrameType type = FrameType::kernel;
    Trouble trouble = Trouble::none;
    KernelRank rank = kNoKernelClass;
    bool known = false;
  };
  struct KernelName {
    uint32_t syscall = SeriesTable::kNone;
    KernelRank rank = kNoKernelClass;
    bool known = false;
  };
  struct Library {
    uint32_t name = SeriesTable::kNone;
    bool known = false;
  };

  StackFacts read(int32_t stack);
  Frame frame(int32_t location);
  Frame type_of(const otel::Location& location);
  uint32_t library(const otel::Location& location);
  KernelName kernel_name(const otel::Location& location);
  uint32_t sum_of(FrameType type, uint32_t library);

  const otel::Dictionary& in_;
  const std::array<bool, kMetrics>& enabled_;
  SeriesTable& series_;
  const StackFacts no_stack_{SeriesTable::kNone, Outcome::empty, Trouble::none};
  std::vector<StackFacts> stacks_;
  std::vector<Frame> frames_;             // by location
  std::vector<KernelName> kernel_names_;  // by string
  std::vector<Library> libraries_;        // by string
  uint64_t names_missing_ = 0;
  std::string_view odd_frame_type_;
};

}  // namespace splitprof::metrics
