// SPDX-License-Identifier: Apache-2.0
//
// One interval's samples, interned: frames, traces and resources once each, and how often each trace was seen for each
// resource; when it is asked for, also when and in which thread each sample was taken. Belongs to the main thread; no
// allocation for a trace that is known already. Bounded: past its limits a trace becomes one marker frame and is
// counted. Outputs read it, they never change it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "processor/traces/trace.h"

namespace splitprof {

struct ProfileLimits {
  size_t max_frames = 4u << 20;
  size_t max_traces = 1u << 20;
  size_t max_resources = 1u << 18;
  size_t max_counts = 2u << 20;         // pairs of resource and trace
  size_t max_trace_frames = 32u << 20;  // frames of all traces together: 128 MiB
  size_t max_threads = 1u << 18;        // of max_moments
  size_t max_moments = 0;               // samples whose time and thread are kept, 24 bytes each; 0: of none
};

// How often one trace was seen for one resource.
struct TraceCount {
  ResourceId resource = 0;
  TraceId trace = 0;
  uint64_t samples = 0;
  uint64_t value = 0;  // sum of the samples' values (on-CPU: samples × period in ns is up to the output)
};

// The thread that was sampled, as it was called then.
struct Thread {
  uint32_t tid = 0;
  std::string name;
  friend bool operator==(const Thread&, const Thread&) = default;
};
using ThreadId = uint32_t;  // index into Profile's threads

// When and where one sample was taken.
struct Moment {
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  uint32_t count = 0;    // index into Profile's counts
  ThreadId thread = 0;
  uint32_t cpu = 0;
};
static_assert(sizeof(Moment) == 24);

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
  // Likewise, and keeps the moment unless the profile is full of them.
  void add(ResourceId resource, std::span<const Frame> frames, uint16_t end, uint64_t sampled_at_ns, uint64_t value,
           uint32_t tid, std::string_view thread_name, uint32_t cpu);

  const std::vector<Frame>& frames() const;
  const std::vector<Resource>& resources() const;
  size_t trace_count() const;
  std::span<const FrameId> trace_frames(TraceId trace) const;
  uint16_t trace_end(TraceId trace) const;
  const std::vector<TraceCount>& counts() const;  // in the order of first appearance

  const std::vector<Thread>& threads() const;
  const std::vector<Moment>& moments() const;  // in the order in which samples were added
  uint64_t moments_dropped() const;            // samples whose moment was not kept, the profile being full of them

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
