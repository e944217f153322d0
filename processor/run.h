// SPDX-License-Identifier: Apache-2.0
//
// Run: one session from the first sample to the last output. Starts sampling, hands events to the pipeline, and when
// the end is asked for stops sampling, takes in what is on its way, has symbols loaded and leaves a finished profile.
// Main thread; depends on Input alone, so a replayed session runs through the same code.
#pragma once

#include <functional>
#include <string>

#include "processor/ingest/input.h"
#include "processor/pipeline.h"
#include "processor/symbol_loader.h"
#include "processor/symbols/symbol_store.h"

namespace splitprof {

class Run {
 public:
  struct Options {
    uint32_t hz = 20;
    std::vector<Pid> only;
    uint64_t duration_ns = 0;         // 0: until a StopEvent
    uint64_t report_interval_ns = 0;  // 0: one report, at the end
  };

  Run(Input& input, Metrics& metrics, Options options);

  // Called once a second, first when sampling has begun.
  std::function<void()> on_progress = [] {};
  // Called with each finished profile, whose symbols are loaded; the last time at the end.
  std::function<void(const Profile&, const Symbolizer&)> on_report = [](const Profile&, const Symbolizer&) {};

  // Until the end. An error: sampling could not be started.
  Result<> run();

  const Pipeline& pipeline() const { return pipeline_; }
  const std::optional<Host>& host() const { return host_; }
  const Counters& sampler_counters() const { return counters_; }  // as of the end
  uint64_t first_sample_ns() const { return first_sample_ns_; }   // CLOCK_MONOTONIC; 0: none
  uint64_t duration_ns() const;                                   // of sampling
  bool disconnected() const { return disconnected_; }

 private:
  // How far the end is: each step waits for the one before.
  enum class Phase { starting, sampling, stopping, draining, counting, holding, naming, finished };

  void on_tick(uint64_t now_ns);
  void begin_to_stop();
  void go_on(uint64_t now_ns);
  void enter(Phase phase);
  bool waited(uint64_t ns) const { return now_ns_ >= phase_since_ns_ + ns; }
  void begin_report();
  void finish_report();

  Input& input_;
  const Options options_;
  Pipeline pipeline_;
  SymbolStore store_;
  SymbolLoader loader_;
  Phase phase_ = Phase::starting;
  uint64_t phase_since_ns_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t sampling_since_ns_ = 0;
  uint64_t sampling_until_ns_ = 0;
  uint64_t next_progress_ns_ = 0;
  uint64_t next_report_ns_ = 0;
  uint64_t first_sample_ns_ = 0;
  bool record_since_tick_ = false;
  unsigned quiet_ticks_ = 0;
  bool counters_came_ = false;
  bool disconnected_ = false;
  std::optional<Error> failure_;
  std::optional<Host> host_;
  Counters counters_;
  std::unique_ptr<Profile> reported_;  // one that waits for its symbols
};

}  // namespace splitprof
