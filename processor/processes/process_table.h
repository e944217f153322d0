// SPDX-License-Identifier: Apache-2.0
//
// ProcessTable: which program runs in which process, and what is mapped there. It is told of samples twice: when they
// arrive, so that questions go out at once, and when it is their turn by time. The side band tells of a program's
// mappings from its exec on, and nothing more is asked about it; `maps` says those of what ran before, and corrects the
// list after a loss and when a sample lies in no mapping. Main thread, bounded.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "processor/ingest/record.h"
#include "processor/processes/early_questions.h"
#include "processor/processes/kernel_lists.h"
#include "processor/processes/process_files.h"

namespace splitprof {

class ProcessTable {
 public:
  struct Limits {
    size_t max_processes = 1u << 15;             // the usual kernel.pid_max of a small host
    uint64_t keep_exited_ns = 2'000'000'000;     // for samples that come late or wait
    uint64_t table_patience_ns = 5'000'000'000;  // then a table that has not come counts as none
    uint64_t min_sync_pause_ns = 1'000'000'000;
    uint64_t max_sync_pause_ns = 64'000'000'000;
  };

  // `variables`: names of those to be read of processes' environments.
  ProcessTable(Questions& questions, Executables& executables, Upload& upload, Metrics& metrics,
               std::vector<std::string> variables)
      : ProcessTable(questions, executables, upload, metrics, std::move(variables), Limits()) {}
  ProcessTable(Questions& questions, Executables& executables, Upload& upload, Metrics& metrics,
               std::vector<std::string> variables, Limits limits);
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  // A sample or event has come in; its turn is later.
  void on_arrival(const SampleRecord& sample);
  void on_arrival(const ProcessRecord& event);
  // It is the sample's turn: the process that it is of, as it was then.
  std::shared_ptr<Process> process_of(const SampleRecord& sample);
  // It is the event's turn.
  void on_event(const ProcessRecord& event);
  // It is the loss's turn: any process's mappings may be out of date.
  void on_side_band_loss() { ++losses_; }

  // Everything that will be known of the process's files is known: its samples can be resolved.
  bool ready(Process& process);
  // Asks for `maps` again because they do not explain a sample; false: too soon after the last time, or nobody is left
  // to be asked.
  bool synchronise(const std::shared_ptr<Process>& process);
  // Runs on after everything that has arrived so far.
  bool lives(const Process& process) const;
  // The process that a record's key stands for; null: none is known.
  std::shared_ptr<Process> find_key(ProcessKey key);

  // A file has become resolvable or settled.
  void on_files_changed() { lists_.on_files_changed(now_ns_); }
  void tick(uint64_t now_ns);

  // A mapping of the file in a process that still runs and may be asked; a process of 0: there is none.
  OpenBy user_of(const Executable& executable) const;

  uint64_t now_ns() const { return now_ns_; }
  void advance(uint64_t now_ns) { now_ns_ = std::max(now_ns_, now_ns); }
  size_t size() const { return by_pid_.size(); }
  // Bytes of /proc/PID/maps came, or never will; a description or what an exec took likewise.
  std::function<void()> on_change = [] {};
  // A process's mappings came; it may be worth a look before its samples have their turn.
  std::function<void(const std::shared_ptr<Process>&)> on_mapped = [](const std::shared_ptr<Process>&) {};
  // A child begins with what its parent was known by.
  std::function<void(const Process& parent, const std::shared_ptr<Process>& child)> on_forked =
      [](const Process&, const std::shared_ptr<Process>&) {};

 private:
  std::shared_ptr<Process> make(Pid pid);
  std::shared_ptr<Process> add_key(Pid pid, uint64_t start_time_ns, ProcessKey key);
  std::shared_ptr<Process> with_key(const SampleRecord& sample, const std::shared_ptr<Process>& current);
  void ask_what_is_missing(const std::shared_ptr<Process>& process, const SampleRecord& sample);
  void ask_mappings(const std::shared_ptr<Process>& process);
  void ask_description(const std::shared_ptr<Process>& process, uint64_t cgroup_id);
  void ask_environment(const std::shared_ptr<Process>& process);
  void on_environment(Process& process, Result<Text> picked);
  void on_mappings(const std::shared_ptr<Process>& process, Result<Text> text);
  void on_description(Process& process, uint64_t cgroup_id, Result<Description> description);
  void adopt(Process& process, const Process& before);
  bool knows_mappings(const Process& process) const { return process.complete && process.losses_seen == losses_; }

  void on_exec(const ProcessRecord& event, const ProcessRecord::Exec& exec);
  void on_fork(const ProcessRecord& event, const ProcessRecord::Fork& fork);
  void on_mapping(const ProcessRecord& event, const ProcessRecord::MappingAdded& added);
  void on_comm(const ProcessRecord& event, const std::string& comm);
  void on_taken(const ProcessRecord& event, uint64_t exec_key);
  void on_exit(const ProcessRecord& event);

  void evict();
  void remove_unused_tables();

  Questions& questions_;
  Executables& executables_;
  Metrics& metrics_;
  const std::vector<std::string> variables_;
  const Limits limits_;
  ProcessFiles files_;
  KernelLists lists_;
  EarlyQuestions early_;
  uint64_t now_ns_ = 0;
  uint64_t losses_ = 0;
  uint64_t next_sweep_ns_ = 0;
  uint64_t next_number_ = 1;
  bool environment_refused_ = false;  // and it was said
  std::unordered_map<Pid, std::shared_ptr<Process>> by_pid_;
  std::unordered_map<ProcessKey, std::shared_ptr<Process>> by_key_;
  std::unordered_map<ProcessKey, uint32_t> arrivals_;  // samples of processes not known yet, in this second
  std::unordered_map<Pid, uint64_t> exits_;            // that have arrived, and whose turn is still to come
  std::unordered_set<ProcessKey> asked_at_exec_;       // before the loader had mapped their libraries
  std::unordered_set<Pid> interpreting_;               // have mapped an interpreter, by what has arrived
  std::unordered_map<uint64_t, std::string> cgroups_;  // texts, by the id that samples carry
};

}  // namespace splitprof
