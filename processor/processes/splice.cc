// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/splice.h"

#include "bpf/abi.h"

namespace splitprof {
namespace {

bool is_loop(const RawFrame& frame) {
  return frame.kind == SP_FRAME_NATIVE && (frame.flags & SP_FRAME_LOOP) != 0;
}
bool is_interpreted(const RawFrame& frame) {
  return frame.kind != SP_FRAME_NATIVE && frame.kind != SP_FRAME_ABORT && frame.kind != SP_FRAME_KERNEL;
}

}  // namespace

// The sample's frames, and which of them are runs.
void Splicer::take(SampleRecord& sample) {
  frames_.swap(sample.user_frames);
  sample.user_frames.clear();
  runs_.clear();
  for (size_t i = 0; i < frames_.size(); ++i) {
    if (!is_interpreted(frames_[i])) continue;
    const bool goes_on = i > 0 && is_interpreted(frames_[i - 1]) && (frames_[i].flags & SP_FRAME_ENTRY) == 0;
    if (!goes_on) runs_.push_back({.begin = i, .end = i});
    runs_.back().end = i + 1;
    runs_.back().is_own =
        i + 1 < frames_.size() && (frames_[i + 1].flags & SP_FRAME_OWN_RUN) != 0 && is_loop(frames_[i + 1]);
  }
}

// Is the outermost loop without a run, as everything stands one loop too early? Only a whole stack can tell. Where a
// run is known to be its loop's own, the outermost loop is one of another interpreter, whose frames are not known.
bool Splicer::is_shifted(uint16_t end) const {
  if (end != SP_COUNT_complete || runs_.empty()) return false;
  size_t loops = 0;
  bool outermost_has_run = false;
  for (size_t i = 0; i < frames_.size(); ++i) {
    const auto& frame = frames_[i];
    if (frame.kind == SP_FRAME_ABORT || (is_interpreted(frame) && (frame.flags & SP_FRAME_ERROR) != 0)) return false;
    if (!is_loop(frame)) continue;
    if ((frame.flags & SP_FRAME_OWN_RUN) != 0) return false;
    ++loops;
    outermost_has_run = i > 0 && is_interpreted(frames_[i - 1]);
  }
  return loops == runs_.size() + 1 && !outermost_has_run;
}

void Splicer::put(const Run& run, SampleRecord& sample) const {
  sample.user_frames.insert(sample.user_frames.end(), frames_.begin() + static_cast<ptrdiff_t>(run.begin),
                            frames_.begin() + static_cast<ptrdiff_t>(run.end));
}

void Splicer::splice(SampleRecord& sample) {
  if (sample.interpreted_frames == 0) return;
  take(sample);
  const bool shifted = is_shifted(sample.end);
  metrics_.stacks_realigned += shifted;
  size_t loops = 0;
  for (size_t i = 0; i < frames_.size(); ++i) {
    const auto& frame = frames_[i];
    if (!shifted) {
      const bool stands_for_run = is_loop(frame) && i > 0 && is_interpreted(frames_[i - 1]);
      if (!stands_for_run) sample.user_frames.push_back(frame);
    } else if (is_loop(frame)) {
      if (loops++ > 0) put(runs_[loops - 2], sample);  // the innermost one runs nothing yet, or nothing any more
    } else if (!is_interpreted(frame)) {
      sample.user_frames.push_back(frame);
    }
  }
}

void Splicer::splice_into(SampleRecord& sample, std::span<const RawFrame> natives, std::span<const uint64_t> words) {
  take(sample);
  const auto first_word = static_cast<uint32_t>(sample.user_words.size());
  sample.user_words.insert(sample.user_words.end(), words.begin(), words.end());
  size_t next = 0;
  for (RawFrame frame : natives) {
    if (is_loop(frame) && next < runs_.size()) {
      if (runs_[next].is_own) frame.flags |= SP_FRAME_OWN_RUN;
      put(runs_[next++], sample);
    }
    frame.first_word += first_word;
    sample.user_frames.push_back(frame);
  }
  while (next < runs_.size()) put(runs_[next++], sample);
}

}  // namespace splitprof
