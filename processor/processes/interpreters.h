// SPDX-License-Identifier: Apache-2.0
//
// Interpreters: finds the interpreters in processes, tells the kernel where they keep their state, and has the
// functions of their frames read, each once, while the process still lives. What a frame is called stands in the sample
// from then on. Reading is workers' business, through the process's memory; one job at a time for each process. Main
// thread.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "processor/ingest/questions.h"
#include "processor/ingest/record.h"
#include "processor/processes/process.h"
#include "processor/runtimes/functions.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class Interpreters {
 public:
  // `changed` is called whenever something that a sample may wait for has come.
  // `max_numbers`: how many numbers of functions may be known of all processes together, some 70 bytes each.
  Interpreters(Questions& questions, Functions& functions, Metrics& metrics, std::function<void()> changed,
               size_t max_numbers = 1u << 19)
      : questions_(questions),
        functions_(functions),
        metrics_(metrics),
        changed_(std::move(changed)),
        max_numbers_(max_numbers) {}
  Interpreters(const Interpreters&) = delete;
  Interpreters& operator=(const Interpreters&) = delete;

  // Looks for interpreters in a process, if it has other mappings than last time. `complete`: all its files are known;
  // else what an interpreter says without the C library will do for now. `lives`: it can be asked.
  // False: it is to be looked at again when something has changed.
  bool look_at(const std::shared_ptr<Process>& process, bool complete, bool lives, uint64_t now_ns);
  // Names the sample's frames of interpreters as far as that can be done now. False: it waits for a worker. Always true
  // with `last`: what has no name then is an error frame.
  bool name_frames(const std::shared_ptr<Process>& process, SampleRecord& sample, bool last, uint64_t now_ns);
  // A forked child begins with what its parent has.
  void inherit(const Process& parent, const std::shared_ptr<Process>& child);

 private:
  using State = ProcessInterpreters::State;
  using Key = ProcessInterpreters::Key;
  struct Located;
  struct Names;

  void ask_memory(const std::shared_ptr<Process>& process);
  void locate(const std::shared_ptr<Process>& process);
  void on_located(const std::shared_ptr<Process>& process, Located located);
  void read_names(const std::shared_ptr<Process>& process);
  void on_names(const std::shared_ptr<Process>& process, Names names);
  void make_room(const std::shared_ptr<Process>& process, size_t n);
  uint32_t find(ProcessInterpreters& known, const Key& key);
  uint32_t find_in_file(const ProcessInterpreters& known, const Key& key);
  void count_failure(FunctionError error);

  Questions& questions_;
  Functions& functions_;
  Metrics& metrics_;
  const std::function<void()> changed_;
  uint64_t now_ns_ = 1;  // CLOCK_MONOTONIC, as last told; never 0
  // Objects in the data of an executable, which are the same in every process: functions by executable and ELF address.
  // For processes that are gone; no other relies on what a process told of itself.
  struct InFile {
    uint32_t executable = 0;
    uint64_t address = 0;
    friend auto operator<=>(const InFile&, const InFile&) = default;
  };
  struct InFileHash {
    size_t operator()(const InFile& place) const;
  };
  std::optional<InFile> in_file(const ProcessInterpreters& known, const Key& key) const;
  std::unordered_map<InFile, uint32_t, InFileHash> in_files_;
  std::vector<std::weak_ptr<Process>> with_memory_;                    // whose memory is held
  std::unordered_map<uint64_t, std::weak_ptr<Process>> with_numbers_;  // which know functions, by Process::number
  const size_t max_numbers_;
  size_t numbers_ = 0;  // known of all processes, and what was forgotten since they were counted
};

}  // namespace splitprof
