// SPDX-License-Identifier: Apache-2.0
//
// Pipeline: events in, a profile out. Orders records by time, keeps the process table, holds samples whose mappings,
// files or tables are still to come, has copied stacks walked, and counts everything. Depends on nothing but its
// events, so the same events give the same profile. Main thread; knows neither KJ nor outputs.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "processor/ingest/orderer.h"
#include "processor/ingest/questions.h"
#include "processor/processes/interpreters.h"
#include "processor/processes/process_table.h"
#include "processor/processes/rewalk.h"
#include "processor/processes/splice.h"
#include "processor/runtimes/functions.h"
#include "processor/telemetry/metrics.h"
#include "processor/traces/profile.h"

namespace splitprof {

class Pipeline {
 public:
  struct Options {
    std::vector<Pid> only;               // these processes and their descendants; empty: all
    uint64_t hold_ns = 2'000'000'000;    // how long a sample may wait for mappings and files
    size_t max_held = 1u << 14;          // samples
    size_t max_held_bytes = 64u << 20;   // of their frames and stacks: 2,000 of the largest
    size_t max_moments = 0;              // samples of a profile whose time and thread are kept
    bool hash_files = false;             // read the identifiers by which OpenTelemetry knows files
    uint64_t min_process_age_ns = 0;     // samples of younger processes are dropped
    std::vector<std::string> variables;  // of processes' environments, to be read
    std::set<uint8_t> disabled;          // kinds of interpreters (bpf/runtimes.def) that are not looked for
  };

  Pipeline(Input& input, Metrics& metrics, Options options);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void on_event(Event event);
  // Handles everything that waits for its turn. What waits for answers goes on waiting; see held_samples().
  void flush_order();
  // Resolves what waits for answers with what is known.
  void flush_held();
  size_t held_samples() const { return held_samples_; }

  const Profile& profile() const { return *profile_; }
  std::unique_ptr<Profile> take_profile();  // and begins a new one

  Questions& questions() { return questions_; }
  Executables& executables() { return executables_; }
  size_t processes() const { return processes_.size(); }
  const ProcessTable& process_table() const { return processes_; }
  const Functions& functions() const { return functions_; }
  // How often the kernel's symbols have changed.
  uint64_t kernel_symbol_changes() const { return kernel_symbol_changes_; }
  const std::optional<ClockSyncRecord>& clock_sync() const { return clock_sync_; }

 private:
  struct Held {
    std::shared_ptr<Process> process;
    uint64_t deadline_ns = 0;  // of the oldest sample
    std::vector<SampleRecord> samples;
  };
  using HeldByProcess = std::map<uint64_t, Held>;  // by Process::number, so that the order is always the same

  void on_record(const RecordEvent& event);
  void handle_due();
  void handle(Record& record);
  void on_sample(SampleRecord& sample);
  void on_process_event(const ProcessRecord& event);
  void on_loss(const LossRecord& loss);
  void hold(const std::shared_ptr<Process>& process, SampleRecord& sample);
  void release_held();
  // Resolves what can be resolved of it; everything with `last`.
  void release(Held& held, bool last);
  void aggregate(SampleRecord& sample, Process& process);
  // The processes whose mappings came, as soon as their files are known.
  void look_for_interpreters();
  bool is_wanted(Pid pid) const { return wanted_.empty() || wanted_.contains(pid); }
  bool is_too_young(const SampleRecord& sample) const;
  void on_tick(uint64_t now_ns);
  std::unique_ptr<Profile> make_profile() const;

  Metrics& metrics_;
  const Options options_;
  Questions questions_;
  Orderer orderer_;
  Upload upload_;
  HostTables host_tables_;
  Executables executables_;
  ProcessTable processes_;
  Functions functions_;
  Interpreters interpreters_;
  std::vector<std::shared_ptr<Process>> to_look_at_;
  Splicer splicer_;
  Rewalk rewalk_;
  std::unique_ptr<Profile> profile_;
  uint64_t profile_number_ = 1;
  std::vector<Frame> frames_;  // of the sample at hand
  HeldByProcess held_;
  size_t held_samples_ = 0;
  size_t held_bytes_ = 0;
  bool may_release_ = false;                  // something became known since release_held()
  std::unordered_map<Pid, uint64_t> wanted_;  // when each ended, CLOCK_MONOTONIC; 0: runs
  uint64_t kernel_symbol_changes_ = 0;
  std::optional<ClockSyncRecord> clock_sync_;
};

}  // namespace splitprof
