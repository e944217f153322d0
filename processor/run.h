// SPDX-License-Identifier: Apache-2.0
//
// Run: one session from the first sample to the last output. Starts sampling, hands events to the pipeline, and when
// the end is asked for stops sampling, takes in what is on its way, has symbols loaded and leaves a finished profile.
// Main thread; depends on Input alone, so a replayed session runs through the same code.
#pragma once

#include <functional>
#include <random>
#include <set>
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
    double report_jitter = 0;         // 0 to 1: of each interval, either way
    std::vector<uint32_t> cpus;       // empty: all
    bool idle = false;                // samples the idle task, too
    // Sampling is on in so many per cent of these intervals, each decided by chance.
    uint32_t sampling_percent = 100;
    uint64_t sampling_interval_ns = 60'000'000'000;
    uint64_t counters_interval_ns = 0;  // of on_counters; 0: never
    uint64_t seed = 0;                  // of all chance
    // See Pipeline::Options.
    size_t max_moments = 0;
    bool hash_files = false;
    uint64_t min_process_age_ns = 0;
    std::vector<std::string> variables;
    std::set<uint8_t> disabled;
  };

  // The time that a profile stands for, CLOCK_MONOTONIC: intervals follow each other without a gap.
  struct Interval {
    uint64_t begin_ns = 0, end_ns = 0;
  };

  Run(Input& input, Metrics& metrics, Options options);

  // Called once a second, first when sampling has begun.
  std::function<void()> on_progress = [] {};
  // Called with each finished profile, whose symbols are loaded; the last time at the end.
  std::function<void(const Profile&, const Symbolizer&)> on_report = [](const Profile&, const Symbolizer&) {};

  // Called with the sampler's counters, about once in each interval of them.
  std::function<void(const Counters&)> on_counters = [](const Counters&) {};

  // Until the end. An error: sampling could not be started.
  Result<> run();

  const Pipeline& pipeline() const { return pipeline_; }
  const Options& options() const { return options_; }
  const Interval& interval() const { return interval_; }  // of the profile that is being reported
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
  std::unique_ptr<Profile> take_profile();
  uint64_t next_interval_ns();
  Configure configuration();
  void decide_about_sampling();
  void ask_counters();
  double chance();  // 0 to 1

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
  uint64_t next_decision_ns_ = 0;
  uint64_t next_counters_ns_ = 0;
  bool counters_asked_ = false;
  std::mt19937_64 random_;
  uint64_t first_sample_ns_ = 0;
  bool record_since_tick_ = false;
  unsigned quiet_ticks_ = 0;
  bool counters_came_ = false;
  bool disconnected_ = false;
  std::optional<Error> failure_;
  std::optional<Host> host_;
  Counters counters_;
  Interval interval_;                  // of reported_
  std::unique_ptr<Profile> reported_;  // one that waits for its symbols
};

}  // namespace splitprof
