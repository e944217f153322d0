// SPDX-License-Identifier: Apache-2.0
#include "processor/export/profile_summary.h"

#include "bpf/abi.h"

namespace splitprof {

namespace {

std::string end_name(uint16_t end) {
  switch (end) {
#define SP_COUNTER(number, name, text) \
  case number:                         \
    return #name;
#include "bpf/counters.def"
#undef SP_COUNTER
    default:
      return "undefined";
  }
}

// Why the stack is not whole; empty when it is.
std::string truncation(const Profile& profile, TraceId trace) {
  for (FrameId id : profile.trace_frames(trace)) {
    const Frame& frame = profile.frames()[id];
    if (frame.kind != Frame::Kind::marker) continue;
    if (frame.place == Marker::kLimit) return "limit";
    if (frame.place == Marker::kGap) return "gap";
  }
  const auto end = profile.trace_end(trace);
  return end == SP_COUNT_complete || end == SP_COUNT_no_user_stack ? "" : end_name(end);
}

bool counts_for_names(FrameClass frame_class) {
  return frame_class != FrameClass::marker && frame_class != FrameClass::interpreter;
}

void add_named(const Profile& profile, const Names& names, const TraceCount& count, RunSummary::Named& named) {
  bool any = false, leaf = false, all = true;
  for (FrameId id : profile.trace_frames(count.trace)) {
    const DisplayFrame& frame = names.of(id).front();
    if (!counts_for_names(frame.frame_class)) continue;
    if (!any) leaf = frame.named;
    any = true;
    all = all && frame.named;
    named.frames += count.samples;
    if (frame.named) named.frames_named += count.samples;
  }
  if (!any) return;
  named.samples += count.samples;
  if (leaf) named.leaf_named += count.samples;
  if (all) named.all_named += count.samples;
}

}  // namespace

void summarize_profile(const Profile& profile, const Names& names, RunSummary& summary) {
  summary.stacks = {};
  summary.named = {};
  summary.samples.aggregated = profile.samples();
  for (const TraceCount& count : profile.counts()) {
    const auto why = truncation(profile, count.trace);
    (why.empty() ? summary.stacks.whole : summary.stacks.truncated[why]) += count.samples;
    add_named(profile, names, count, summary.named);
  }
}

}  // namespace splitprof
