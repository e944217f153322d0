// SPDX-License-Identifier: Apache-2.0
//
// ProcessTable: which program runs in which process, and what is mapped there. It is told of samples twice: when they
// arrive, so that questions go out at once, and when it is their turn by time. The side band keeps mappings up to date;
// `maps` corrects them: at first sight, after a loss, and when a sample lies in no mapping. Main thread, bounded.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "processor/ingest/record.h"
#include "processor/processes/process.h"

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

  ProcessTable(Questions& questions, Executables& executables, Upload& upload, Metrics& metrics)
      : ProcessTable(questions, executables, upload, metrics, Limits()) {}
  ProcessTable(Questions& questions, Executables& executables, Upload& upload, Metrics& metrics, Limits limits);
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  // A sample has come in; its turn is later.
  void on_arrival(const SampleRecord& sample);
  // It is the sample's turn: the process that it is of, as it was then.
  std::shared_ptr<Process> process_of(const SampleRecord& sample);
  // It is the event's turn.
  void on_event(const ProcessRecord& event);
  // The side band lost events: any process's mappings may be out of date.
  void on_side_band_loss() { ++losses_; }

  // Everything that will be known of the process's files is known: its samples can be resolved.
  bool ready(Process& process);
  // Asks for `maps` again because they do not explain a sample; false: too soon after the last time.
  bool synchronise(const std::shared_ptr<Process>& process);
  // A file has become resolvable or settled.
  void on_files_changed();
  void tick(uint64_t now_ns);

  uint64_t now_ns() const { return now_ns_; }
  void advance(uint64_t now_ns) { now_ns_ = std::max(now_ns_, now_ns); }
  size_t size() const { return by_pid_.size(); }
  // Bytes of /proc/PID/maps came, or never will; a description likewise.
  std::function<void()> on_change = [] {};

 private:
  std::shared_ptr<Process> find_key(ProcessKey key);
  std::shared_ptr<Process> add_key(const SampleRecord& sample);
  void ask(const std::shared_ptr<Process>& process);
  void ask_mappings(const std::shared_ptr<Process>& process);
  void on_mappings(const std::shared_ptr<Process>& process, Result<Text> text);
  void on_description(Process& process, Result<Description> description);
  void open_leftovers(Process& process);
  void adopt(Process& process, const Process& before);

  void on_exec(const ProcessRecord& event, const ProcessRecord::Exec& exec);
  void on_fork(const ProcessRecord& event, const ProcessRecord::Fork& fork);
  void on_mapping(const ProcessRecord& event, const ProcessRecord::MappingAdded& added);
  void on_comm(const ProcessRecord& event, const std::string& comm);

  std::shared_ptr<MappedFile> file_of(const MappedFileKey& key, const Process& process, RuntimeAddress start,
                                      uint64_t length);
  void list_changed(const std::shared_ptr<Process>& process);
  bool send_list(Process& process);
  void retry_refused(Process& process);
  void evict();
  void remove_unused_tables();

  Questions& questions_;
  Executables& executables_;
  Upload& upload_;
  Metrics& metrics_;
  const Limits limits_;
  uint64_t now_ns_ = 0;
  uint64_t losses_ = 0;
  uint64_t next_sweep_ns_ = 0;
  std::unordered_map<Pid, std::shared_ptr<Process>> by_pid_;
  std::unordered_map<ProcessKey, std::shared_ptr<Process>> by_key_;
  std::vector<std::shared_ptr<Process>> unsettled_;  // tables of their lists are still to come
};

// A name for the process, unless a better one is known.
void set_name(Process& process, Process::NameSource source, std::string_view name);

}  // namespace splitprof
