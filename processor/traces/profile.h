// SPDX-License-Identifier: Apache-2.0
//
// One interval's samples, interned: frames, traces and resources once each, and how often each trace was seen for each
// resource. Belongs to the main thread; no allocation for a trace that is known already. Bounded: past its limits a
// trace becomes one marker frame and is counted. Outputs read it, they never change it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "processor/traces/trace.h"

namespace splitprof {

struct ProfileLimits {
  size_t max_frames = 4u << 20;
  size_t max_traces = 1u << 20;
  size_t max_resources = 1u << 18;
  size_t max_counts = 2u << 20;         // pairs of resource and trace
  size_t max_trace_frames = 32u << 20;  // frames of all traces together: 128 MiB
};

// How often one trace was seen for one resource.
struct TraceCount {
  ResourceId resource = 0;
  TraceId trace = 0;
  uint64_t samples = 0;
  uint64_t value = 0;  // sum of the samples' values (on-CPU: samples × period in ns is up to the output)
};

class Profile {
 public:
  explicit Profile(ProfileLimits limits = {});
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  // Past the limit every further resource is one and the same, named "[other processes]".
  ResourceId intern_resource(const Resource& resource);
  // `frames` leaf first; `end`: number of bpf/counters.def.
  void add(ResourceId resource, std::span<const Frame> frames, uint16_t end, uint64_t sampled_at_ns, uint64_t value);

  const std::vector<Frame>& frames() const;
  const std::vector<Resource>& resources() const;
  size_t trace_count() const;
  std::span<const FrameId> trace_frames(TraceId trace) const;
  uint16_t trace_end(TraceId trace) const;
  const std::vector<TraceCount>& counts() const;  // in the order of first appearance

  uint64_t samples() const;
  uint64_t first_sample_ns() const;  // CLOCK_MONOTONIC; 0: none yet
  uint64_t last_sample_ns() const;
  uint64_t samples_ended(uint16_t end) const;  // samples whose walk ended so; numbers that nobody defined are one
  uint64_t dropped_by_limits() const;          // samples whose stack or resource was not kept, the profile being full

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
