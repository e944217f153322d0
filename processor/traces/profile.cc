// SPDX-License-Identifier: Apache-2.0
#include "processor/traces/profile.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bpf/abi.h"
#include "processor/traces/index_table.h"

namespace splitprof {

namespace {

// A profiled process chooses its addresses, and with a known hash function it could make all of them collide.
uint64_t random_seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) return 0x9e3779b97f4a7c15;  // early at boot
  return seed;
}

}  // namespace

struct Profile::State {
  struct StoredTrace {
    size_t first_frame = 0;  // in trace_frames
    uint32_t n_frames = 0;
    uint16_t end = 0;
  };

  ProfileLimits limits;
  const uint64_t seed = random_seed();

  std::vector<Frame> frames;
  std::vector<Resource> resources;
  std::vector<StoredTrace> traces;
  std::vector<FrameId> trace_frames;  // of all traces, one after another
  std::vector<TraceCount> counts;
  std::vector<Thread> threads;
  std::vector<Moment> moments;
  IndexTable frame_index, resource_index, trace_index, count_index, thread_index;

  std::vector<FrameId> scratch;  // the trace that is being added
  uint64_t samples = 0, first_sample_ns = 0, last_sample_ns = 0, dropped_by_limits = 0, moments_dropped = 0;
  std::array<uint64_t, SP_COUNT_MAX + 1> ended{};
  ResourceId other_resource = IndexTable::kNone;
  TraceId limit_trace = IndexTable::kNone;

  uint64_t hash(const void* data, size_t size_bytes, uint64_t more) const {
    return XXH3_64bits_withSeed(data, size_bytes, seed ^ more);
  }

  uint64_t hash(const Frame& frame) const {
    // Not the struct itself: its padding has no value.
    const uint64_t words[] = {uint64_t{frame.place} << 16 | static_cast<uint64_t>(frame.kind) << 8 |
                                  static_cast<uint64_t>(frame.return_address),
                              frame.address};
    return hash(words, sizeof(words), 0);
  }

  uint64_t hash(const Resource& resource) const {
    const uint64_t words[] = {resource.pid, resource.start_time_ns};
    uint64_t sum = hash(words, sizeof(words), 0);
    for (const std::string* text : {&resource.process_name, &resource.executable_path, &resource.cgroup}) {
      sum = hash(text->data(), text->size(), sum);
    }
    for (const auto& [name, text] : resource.environment)
      sum = hash(text.data(), text.size(), hash(name.data(), name.size(), sum));
    return sum;
  }

  // kNone: full.
  FrameId intern(const Frame& frame, size_t limit) {
    const auto sum = hash(frame);
    auto found = frame_index.find(sum, [&](uint32_t position) { return frames[position] == frame; });
    if (found != IndexTable::kNone || frames.size() >= limit) return found;
    found = static_cast<FrameId>(frames.size());
    frames.push_back(frame);
    frame_index.insert(sum, found);
    return found;
  }

  // The trace in `scratch`. kNone: full.
  TraceId intern_scratch(uint16_t end) {
    const auto sum = hash(scratch.data(), scratch.size() * sizeof(FrameId), end);
    auto found = trace_index.find(sum, [&](uint32_t position) {
      const StoredTrace& trace = traces[position];
      return trace.end == end && trace.n_frames == scratch.size() &&
             std::equal(scratch.begin(), scratch.end(), trace_frames.data() + trace.first_frame);
    });
    if (found != IndexTable::kNone) return found;
    if (traces.size() >= limits.max_traces) return found;
    if (scratch.size() > limits.max_trace_frames - std::min(trace_frames.size(), limits.max_trace_frames)) return found;
    return add_trace(sum, end);
  }

  TraceId add_trace(uint64_t sum, uint16_t end) {
    const auto id = static_cast<TraceId>(traces.size());
    traces.push_back({trace_frames.size(), static_cast<uint32_t>(scratch.size()), end});
    trace_frames.insert(trace_frames.end(), scratch.begin(), scratch.end());
    trace_index.insert(sum, id);
    return id;
  }

  TraceId intern(std::span<const Frame> stack, uint16_t end) {
    scratch.clear();
    for (const Frame& frame : stack) {
      const auto id = intern(frame, limits.max_frames);
      if (id == IndexTable::kNone) return id;
      scratch.push_back(id);
    }
    return intern_scratch(end);
  }

  // The one trace that stands for all that were not kept; it may be one past the limits.
  TraceId marker_trace() {
    if (limit_trace == IndexTable::kNone) {
      const Frame marker{.kind = Frame::Kind::marker, .place = Marker::kLimit};
      scratch.assign(1, intern(marker, SIZE_MAX));
      limit_trace = add_trace(hash(scratch.data(), sizeof(FrameId), SP_COUNT_MAX), SP_COUNT_MAX);
    }
    return limit_trace;
  }

  // nullptr: full.
  TraceCount* count_of(ResourceId resource, TraceId trace, size_t limit) {
    const ResourceId key[] = {resource, trace};
    const auto sum = hash(key, sizeof(key), 0);
    auto found = count_index.find(sum, [&](uint32_t position) {
      return counts[position].resource == resource && counts[position].trace == trace;
    });
    if (found == IndexTable::kNone) {
      if (counts.size() >= limit) return nullptr;
      found = static_cast<uint32_t>(counts.size());
      counts.push_back({.resource = resource, .trace = trace});
      count_index.insert(sum, found);
    }
    return &counts[found];
  }

  // kNone: full.
  ThreadId intern_thread(uint32_t tid, std::string_view name) {
    const auto sum = hash(name.data(), name.size(), tid);
    auto found = thread_index.find(
        sum, [&](uint32_t position) { return threads[position].tid == tid && threads[position].name == name; });
    if (found != IndexTable::kNone || threads.size() >= limits.max_threads) return found;
    found = static_cast<ThreadId>(threads.size());
    threads.push_back({tid, std::string(name)});
    thread_index.insert(sum, found);
    return found;
  }

  TraceCount& add(ResourceId resource, std::span<const Frame> stack, uint16_t end, uint64_t sampled_at_ns,
                  uint64_t value) {
    const auto trace = intern(stack, end);
    TraceCount* count = trace == IndexTable::kNone ? nullptr : count_of(resource, trace, limits.max_counts);
    if (count == nullptr || resource == other_resource) ++dropped_by_limits;
    if (count == nullptr) count = count_of(resource, marker_trace(), SIZE_MAX);  // at most one more per resource
    ++count->samples;
    count->value += value;
    ++samples;
    ++ended[std::min<size_t>(end, SP_COUNT_MAX)];
    first_sample_ns = first_sample_ns == 0 ? sampled_at_ns : std::min(first_sample_ns, sampled_at_ns);
    last_sample_ns = std::max(last_sample_ns, sampled_at_ns);
    return *count;
  }
};

Profile::Profile(ProfileLimits limits) : state_(std::make_unique<State>()) {
  state_->limits = limits;
}
Profile::~Profile() = default;

ResourceId Profile::intern_resource(const Resource& resource) {
  State& s = *state_;
  const auto sum = s.hash(resource);
  const auto equals = [&](uint32_t position) { return s.resources[position] == resource; };
  if (const auto found = s.resource_index.find(sum, equals); found != IndexTable::kNone) return found;
  if (s.other_resource != IndexTable::kNone) return s.other_resource;
  const auto id = static_cast<ResourceId>(s.resources.size());
  if (s.resources.size() >= s.limits.max_resources) {
    s.resources.push_back({.process_name = "[other processes]"});  // not in the index: a process may have that name
    return s.other_resource = id;
  }
  s.resources.push_back(resource);
  s.resource_index.insert(sum, id);
  return id;
}

void Profile::add(ResourceId resource, std::span<const Frame> frames, uint16_t end, uint64_t sampled_at_ns,
                  uint64_t value) {
  state_->add(resource, frames, end, sampled_at_ns, value);
}

void Profile::add(ResourceId resource, std::span<const Frame> frames, uint16_t end, uint64_t sampled_at_ns,
                  uint64_t value, uint32_t tid, std::string_view thread_name, uint32_t cpu) {
  State& s = *state_;
  const TraceCount& count = s.add(resource, frames, end, sampled_at_ns, value);
  if (s.limits.max_moments == 0) return;
  const auto thread = s.moments.size() < s.limits.max_moments ? s.intern_thread(tid, thread_name) : IndexTable::kNone;
  if (thread == IndexTable::kNone) {
    ++s.moments_dropped;
    return;
  }
  s.moments.push_back({.time_ns = sampled_at_ns,
                       .count = static_cast<uint32_t>(&count - s.counts.data()),
                       .thread = thread,
                       .cpu = cpu});
}

const std::vector<Frame>& Profile::frames() const {
  return state_->frames;
}
const std::vector<Resource>& Profile::resources() const {
  return state_->resources;
}
size_t Profile::trace_count() const {
  return state_->traces.size();
}

std::span<const FrameId> Profile::trace_frames(TraceId trace) const {
  const auto& stored = state_->traces[trace];
  return std::span(state_->trace_frames).subspan(stored.first_frame, stored.n_frames);
}

uint16_t Profile::trace_end(TraceId trace) const {
  return state_->traces[trace].end;
}
const std::vector<TraceCount>& Profile::counts() const {
  return state_->counts;
}
const std::vector<Thread>& Profile::threads() const {
  return state_->threads;
}
const std::vector<Moment>& Profile::moments() const {
  return state_->moments;
}
uint64_t Profile::moments_dropped() const {
  return state_->moments_dropped;
}
uint64_t Profile::samples() const {
  return state_->samples;
}
uint64_t Profile::first_sample_ns() const {
  return state_->first_sample_ns;
}
uint64_t Profile::last_sample_ns() const {
  return state_->last_sample_ns;
}
uint64_t Profile::samples_ended(uint16_t end) const {
  return state_->ended[std::min<size_t>(end, SP_COUNT_MAX)];
}
uint64_t Profile::dropped_by_limits() const {
  return state_->dropped_by_limits;
}

}  // namespace splitprof
