// SPDX-License-Identifier: Apache-2.0
//
// What one run did and what it cost: a plain value that the processor fills, the `splitprof` tool completes with the
// processes' own CPU and memory, and people read as JSON or on the terminal. Links nothing that parses profiles.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace splitprof {

// Both sides of an equation that has to hold exactly.
struct Accounting {
  std::string equation;  // "samples_taken = ring_lost + no_client + shared_ring_full + published"
  uint64_t left = 0, right = 0;
};

// What one of the profiler's own processes used, from its start to its end.
struct ProcessCost {
  std::string name;  // "sampler", "opener", "processor", …
  uint32_t pid = 0;
  uint64_t cpu_user_ns = 0, cpu_system_ns = 0;
  uint64_t peak_pss_bytes = 0, peak_rss_bytes = 0;  // 0: not known
};

struct RunSummary {
  using Reasons = std::map<std::string, uint64_t>;

  // What ran where.
  std::string version;
  std::string host_name, kernel_release, architecture;
  std::string target;  // "the whole machine", "pid 12, 13", "COMMAND …": for people
  uint32_t online_cpus = 0;
  uint32_t hz = 0;                  // samples a second of busy time and CPU
  int64_t started_realtime_ns = 0;  // since 1970; 0: not known
  uint64_t duration_ns = 0;

  struct Samples {
    uint64_t taken = 0;       // by BPF
    uint64_t delivered = 0;   // to the processor
    uint64_t aggregated = 0;  // in the profile
    uint64_t filtered = 0;    // of processes that were not asked for
    Reasons lost;             // everything between taken and aggregated
  } samples;

  struct Stacks {
    uint64_t whole = 0;  // from the leaf to the outermost frame; kernel threads, which have no user stack, too
    Reasons truncated;   // by the names of bpf/counters.def, "gap" and "limit"
    uint64_t truncated_total() const;
    double whole_percent() const;  // 100 when there are no stacks
  } stacks;

  // A frame is named when a symbol is known for it; frames of interpreters, and markers, do not count.
  struct Named {
    uint64_t samples = 0;     // whose stack has at least one frame
    uint64_t leaf_named = 0;  // of these: the leaf has a name
    uint64_t all_named = 0;   // of these: every frame has
    uint64_t frames = 0;      // weighted with samples
    uint64_t frames_named = 0;
    double percent() const;  // samples with every frame named, of all
    double frames_percent() const;
  } named;

  struct Bpf {
    uint64_t samples = 0, walk_ns = 0, user_frames = 0, kernel_frames = 0;
    double ns_per_sample() const;
    double frames_per_sample() const;
  } bpf;

  struct StartUp {  // CLOCK_MONOTONIC; 0: not known, or never happened
    uint64_t started_ns = 0, connected_ns = 0, first_sample_ns = 0;
  } start_up;

  std::vector<std::string> sandbox;    // one sentence for each confinement that is on, or that the kernel lacks
  std::vector<Accounting> accounting;  // both equations of docs/records.md §4, and the processor's own
  std::vector<ProcessCost> processes;  // filled by the launcher
  Reasons counters;                    // all of them, by name
};

// One JSON object, indented, ending in a newline. Texts that are not UTF-8 are made so.
std::string to_json(const RunSummary& summary);
Result<RunSummary> summary_from_json(std::string_view json);

// About twenty lines for people. `colour` for a terminal that understands ANSI sequences.
std::string terminal_summary(const RunSummary& summary, bool colour);
void print_terminal_summary(const RunSummary& summary, std::FILE* out, bool colour);

}  // namespace splitprof
