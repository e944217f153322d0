// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/process_table.h"

#include <algorithm>

#include "bpf/abi.h"

namespace splitprof {
namespace {

constexpr uint64_t kSweepNs = 1'000'000'000;
constexpr size_t kCommBytes = 15;  // TASK_COMM_LEN without its terminator

std::string_view base_name(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

void set_name(Process& process, Process::NameSource source, std::string_view name) {
  if (source < process.name_source || name.empty()) return;
  if (source == process.name_source && source != Process::NameSource::leader) return;
  if (process.name != name) process.profile = 0;  // it is another resource now
  process.name = name;
  process.name_source = source;
}

ProcessTable::ProcessTable(Questions& questions, Executables& executables, Upload& upload, Metrics& metrics,
                           Limits limits)
    : questions_(questions), executables_(executables), upload_(upload), metrics_(metrics), limits_(limits) {}

// ---- Samples ----------------------------------------------------------------------------------------------------

void ProcessTable::on_arrival(const SampleRecord& sample) {
  if (sample.process.value == 0 || by_key_.contains(sample.process)) return;
  ask(add_key(sample));
}

std::shared_ptr<Process> ProcessTable::find_key(ProcessKey key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

std::shared_ptr<Process> ProcessTable::add_key(const SampleRecord& sample) {
  ++metrics_.processes_seen;
  auto process = std::make_shared<Process>();
  process->pid = sample.pid;
  process->start_time_ns = sample.start_time_ns;
  process->key = sample.process;
  process->last_used_ns = now_ns_;
  by_key_[sample.process] = process;
  return process;
}

std::shared_ptr<Process> ProcessTable::process_of(const SampleRecord& sample) {
  auto& current = by_pid_[sample.pid];
  if (sample.process.value == 0) {  // a kernel thread, a denied process, or one of another pid namespace
    if (current == nullptr || (current->start_time_ns != 0 && current->start_time_ns != sample.start_time_ns)) {
      ++metrics_.processes_seen;
      current = std::make_shared<Process>();
      current->pid = sample.pid;
    }
    current->start_time_ns = sample.start_time_ns;
  } else if (current == nullptr || current->key != sample.process) {
    auto process = find_key(sample.process);
    if (process == nullptr) {
      process = add_key(sample);
      ask(process);
    }
    if (current != nullptr && current->key.value == 0) adopt(*process, *current);
    current = process;
  }
  auto& process = *current;
  process.last_used_ns = now_ns_;
  process.exited_ns = 0;
  const bool leader = sample.pid.value == sample.tid.value;
  set_name(process, leader ? Process::NameSource::leader : Process::NameSource::thread, sample.comm);
  if (process.key.value != 0 && process.losses_seen < losses_ && process.maps != Process::Asked::waiting)
    synchronise(current);
  return current;
}

// `before` was put together from the side band alone; `process` is the same program, now with a key to ask by.
void ProcessTable::adopt(Process& process, const Process& before) {
  if (process.mappings.empty()) process.mappings = before.mappings;
  if (process.exec_key == 0) process.exec_key = before.exec_key;
  if (process.executable_path.empty()) process.executable_path = before.executable_path;
  if (process.cgroup.empty()) process.cgroup = before.cgroup;
  set_name(process, before.name_source, before.name);
  if (process.maps == Process::Asked::failed) open_leftovers(process);
  process.resolvable = false;
}

// ---- Questions and answers ---------------------------------------------------------------------------------------

void ProcessTable::ask(const std::shared_ptr<Process>& process) {
  ask_mappings(process);
  process->description = Process::Asked::waiting;
  questions_.ask(AskDescription{process->key}, [this, process](Result<AnswerValue> answer) {
    on_description(*process, answer_as<Description>(std::move(answer)));
  });
}

void ProcessTable::ask_mappings(const std::shared_ptr<Process>& process) {
  ++metrics_.maps_asked;
  process->maps = Process::Asked::waiting;
  process->losses_seen = losses_;
  questions_.ask(AskMappings{process->key}, [this, process](Result<AnswerValue> answer) {
    on_mappings(process, answer_as<Text>(std::move(answer)));
  });
}

bool ProcessTable::synchronise(const std::shared_ptr<Process>& process) {
  if (process->key.value == 0 || process->maps == Process::Asked::waiting) return false;
  if (now_ns_ < process->next_sync_ns) {
    ++metrics_.maps_limited;
    return false;
  }
  if (now_ns_ > process->next_sync_ns + process->sync_pause_ns) process->sync_pause_ns = 0;  // it was quiet since
  process->sync_pause_ns = std::clamp(process->sync_pause_ns * 2, limits_.min_sync_pause_ns, limits_.max_sync_pause_ns);
  process->next_sync_ns = now_ns_ + process->sync_pause_ns;
  ask_mappings(process);
  return true;
}

void ProcessTable::on_mappings(const std::shared_ptr<Process>& process, Result<Text> text) {
  MappingList list;
  if (text) list = parse_mappings(text->bytes);
  metrics_.maps_malformed += list.malformed;
  metrics_.mappings_dropped += list.dropped;
  if (list.mappings.empty()) {  // no program is without code: the process has ended, or runs another program
    ++metrics_.maps_failed;
    process->maps = Process::Asked::failed;
    open_leftovers(*process);
    return on_change();
  }
  std::vector<ProcessMapping> mappings;
  mappings.reserve(list.mappings.size());
  for (const auto& listed : list.mappings)
    mappings.push_back({.start = listed.start,
                        .length = listed.length,
                        .file_offset = listed.file_offset,
                        .file = file_of(listed.file, *process, listed.start, listed.length)});
  process->mappings = std::move(mappings);
  process->maps = Process::Asked::answered;
  process->resolvable = false;
  list_changed(process);
  on_change();
}

std::shared_ptr<MappedFile> ProcessTable::file_of(const MappedFileKey& key, const Process& process,
                                                  RuntimeAddress start, uint64_t length) {
  const RuntimeAddress end(start.value + length);
  // The vDSO stays the same file when a listing is read again: it is found by its place.
  if (key.path == "[vdso]") {
    const auto* known = process.find(start.value);
    if (known != nullptr && known->start == start && known->length == length && known->file != nullptr)
      return known->file;
    return process.key.value == 0 ? nullptr : executables_.open_vdso({process.key, start, end}, now_ns_);
  }
  if (key.inode == 0) return nullptr;
  if (process.key.value == 0) return executables_.find(key);
  return executables_.find_or_open(key, {process.key, start, end}, now_ns_);
}

// The process is gone before its files could be opened by their mappings; what its exec took is still there.
void ProcessTable::open_leftovers(Process& process) {
  bool first = true;
  for (auto& mapping : process.mappings) {
    if (mapping.file == nullptr || mapping.file->key.path.empty()) continue;
    const bool executed = std::exchange(first, false);  // the kernel maps the program itself before its libraries
    if (mapping.file->state != MappedFile::State::unopened) continue;
    mapping.file = executables_.find(mapping.file->key);  // another process may have opened it meanwhile
    if (mapping.file->state != MappedFile::State::unopened) continue;
    if (executed && process.exec_key != 0)
      executables_.open_executed(mapping.file, process.exec_key, now_ns_);
    else
      executables_.give_up(*mapping.file, now_ns_);
  }
  process.resolvable = false;
}

void ProcessTable::on_description(Process& process, Result<Description> description) {
  process.description = description ? Process::Asked::answered : Process::Asked::failed;
  if (description) {
    process.executable_path = std::move(description->executable_link);
    process.cgroup = std::move(description->cgroup);
    process.profile = 0;
    set_name(process, Process::NameSource::link, base_name(process.executable_path).substr(0, kCommBytes));
  }
  on_change();
}

bool ProcessTable::ready(Process& process) {
  if (process.key.value == 0) return true;
  using Asked = Process::Asked;
  if (process.maps == Asked::waiting || process.description == Asked::waiting) return false;
  if (!process.resolvable)
    process.resolvable = std::all_of(process.mappings.begin(), process.mappings.end(), [](const auto& mapping) {
      return mapping.file == nullptr || mapping.file->resolvable();
    });
  return process.resolvable;
}

// ---- The side band -------------------------------------------------------------------------------------------------

void ProcessTable::on_event(const ProcessRecord& event) {
  ++metrics_.process_events;
  if (const auto* exec = std::get_if<ProcessRecord::Exec>(&event.event)) return on_exec(event, *exec);
  if (const auto* fork = std::get_if<ProcessRecord::Fork>(&event.event)) return on_fork(event, *fork);
  if (const auto* added = std::get_if<ProcessRecord::MappingAdded>(&event.event)) return on_mapping(event, *added);
  if (const auto* comm = std::get_if<ProcessRecord::Comm>(&event.event)) return on_comm(event, comm->comm);
  if (!std::holds_alternative<ProcessRecord::Exit>(event.event)) return;
  if (event.pid.value != event.tid.value) return;  // a thread's end
  if (const auto found = by_pid_.find(event.pid); found != by_pid_.end()) found->second->exited_ns = event.time_ns;
}

void ProcessTable::on_exec(const ProcessRecord& event, const ProcessRecord::Exec& exec) {
  auto& current = by_pid_[event.pid];
  auto process = std::make_shared<Process>();
  process->pid = event.pid;
  process->last_used_ns = now_ns_;
  process->exec_key = exec.key;
  set_name(*process, Process::NameSource::leader, exec.comm);
  if (current != nullptr) {
    process->cgroup = current->cgroup;  // an exec does not change it
    if (current->key.value != 0) by_key_.erase(current->key);
  }
  ++metrics_.processes_seen;
  current = std::move(process);
}

void ProcessTable::on_fork(const ProcessRecord& event, const ProcessRecord::Fork& fork) {
  if (event.pid.value != event.tid.value || event.pid == fork.parent_pid) return;  // a new thread
  const auto found = by_pid_.find(fork.parent_pid);
  auto child = std::make_shared<Process>();
  child->pid = event.pid;
  child->last_used_ns = now_ns_;
  if (found != by_pid_.end()) {
    const auto& parent = *found->second;
    child->mappings = parent.mappings;
    child->executable_path = parent.executable_path;
    child->cgroup = parent.cgroup;
    set_name(*child, parent.name_source, parent.name);
  }
  ++metrics_.processes_seen;
  by_pid_[event.pid] = std::move(child);
}

void ProcessTable::on_comm(const ProcessRecord& event, const std::string& comm) {
  if (event.pid.value != event.tid.value) return;
  if (const auto found = by_pid_.find(event.pid); found != by_pid_.end())
    set_name(*found->second, Process::NameSource::leader, comm);
}

void ProcessTable::on_mapping(const ProcessRecord& event, const ProcessRecord::MappingAdded& added) {
  const auto found = by_pid_.find(event.pid);
  if (found == by_pid_.end()) return;  // its first sample asks for all of them
  auto& process = found->second;
  if (added.length == 0) return;
  const auto* known = process->find(added.start.value);
  if (known == nullptr && process->mappings.size() >= kMaxMappings) {
    ++metrics_.mappings_dropped;
    return;
  }
  MappedFileKey key{.device_major = added.device_major,
                    .device_minor = added.device_minor,
                    .inode = added.inode,
                    .generation = added.inode_generation,
                    .path = added.path};
  // Often `maps` was read after the event and before the event's turn: then there is nothing new in it.
  if (known != nullptr && known->start == added.start && known->length == added.length &&
      known->file_offset == added.file_offset && (known->file == nullptr) == (key.inode == 0) &&
      (known->file == nullptr || (known->file->key.inode == key.inode && known->file->key.path == key.path)))
    return;
  process->add({.start = added.start,
                .length = added.length,
                .file_offset = added.file_offset,
                .file = file_of(key, *process, added.start, added.length)});
  list_changed(process);
}

// ---- The kernel's lists
// ----------------------------------------------------------------------------------------------

void ProcessTable::list_changed(const std::shared_ptr<Process>& process) {
  if (process->key.value == 0 || process->maps != Process::Asked::answered) return;
  const bool waits = process->unsettled_since_ns != 0;
  if (!waits) process->unsettled_since_ns = std::max<uint64_t>(now_ns_, 1);
  if (!send_list(*process) && !waits) unsettled_.push_back(process);
}

// True: the list says all that there will be to say.
bool ProcessTable::send_list(Process& process) {
  retry_refused(process);
  const bool late = now_ns_ >= process.unsettled_since_ns + limits_.table_patience_ns;
  bool settled = true;
  std::vector<TableMapping> list;
  list.reserve(process.mappings.size());
  for (const auto& mapping : process.mappings) {
    if (list.size() == SP_MAX_MAPPINGS) break;
    const auto* executable = mapping.file == nullptr ? nullptr : mapping.file->executable;
    const bool pending = mapping.file != nullptr && !mapping.file->settled() && !late;
    settled = settled && !pending;
    list.push_back({.start = mapping.start,
                    .length = mapping.length,
                    .bias = executable == nullptr ? 0 : executable->bias(mapping.start, mapping.file_offset),
                    .table = pending                 ? SP_TABLE_PENDING
                             : executable == nullptr ? 0
                                                     : executable->table_id});
  }
  upload_.set_mappings(process.key, std::move(list));
  if (settled) process.unsettled_since_ns = 0;
  return settled;
}

// A file is asked for once, by the first process that maps it. When that one ends too early, the next one asks.
void ProcessTable::retry_refused(Process& process) {
  for (auto& mapping : process.mappings) {
    if (mapping.file == nullptr || !mapping.file->gone || mapping.retried) continue;
    mapping.retried = true;
    mapping.file = file_of(mapping.file->key, process, mapping.start, mapping.length);
    process.resolvable = false;
  }
}

void ProcessTable::on_files_changed() {
  std::erase_if(unsettled_, [this](const auto& process) {
    const auto& mappings = process->mappings;
    const bool settled = std::all_of(mappings.begin(), mappings.end(), [](const auto& mapping) {
      return mapping.file == nullptr || (mapping.file->settled() && (!mapping.file->gone || mapping.retried));
    });
    return settled && send_list(*process);
  });
}

// ---- Housekeeping ------------------------------------------------------------------------------------------------

void ProcessTable::tick(uint64_t now_ns) {
  advance(now_ns);
  // Tables that have come meanwhile are of use before the last one has.
  std::erase_if(unsettled_, [this](const auto& process) { return send_list(*process); });
  if (now_ns_ < next_sweep_ns_) return;
  next_sweep_ns_ = now_ns_ + kSweepNs;
  std::erase_if(by_pid_, [this](const auto& entry) {
    return entry.second->exited_ns != 0 && entry.second->exited_ns + limits_.keep_exited_ns < now_ns_;
  });
  evict();
  std::erase_if(by_key_, [this](const auto& entry) {
    const auto& process = *entry.second;
    const auto current = by_pid_.find(process.pid);
    const bool replaced = current == by_pid_.end() || current->second != entry.second;
    return replaced && process.last_used_ns + limits_.keep_exited_ns < now_ns_;
  });
  remove_unused_tables();
  executables_.tidy();
}

void ProcessTable::evict() {
  if (by_pid_.size() <= limits_.max_processes) return;
  std::vector<uint64_t> ages;
  ages.reserve(by_pid_.size());
  for (const auto& [_, process] : by_pid_) ages.push_back(process->last_used_ns);
  const auto middle = ages.begin() + static_cast<ptrdiff_t>(ages.size() / 2);
  std::nth_element(ages.begin(), middle, ages.end());
  metrics_.processes_evicted +=
      std::erase_if(by_pid_, [&](const auto& entry) { return entry.second->last_used_ns <= *middle; });
}

// The kernel has room for SP_MAX_EXECUTABLES tables; those that no process maps any more make way when it gets short.
void ProcessTable::remove_unused_tables() {
  size_t installed = 0;
  for (const auto& executable : executables_.all()) installed += executable->table == Executable::Table::installed;
  if (installed < SP_MAX_EXECUTABLES / 2) return;
  std::vector<bool> used(executables_.all().size() + 1);
  for (const auto& [_, process] : by_pid_)
    for (const auto& mapping : process->mappings)
      if (mapping.file != nullptr && mapping.file->executable != nullptr) used[mapping.file->executable->number] = true;
  for (const auto& [_, process] : by_key_)
    for (const auto& mapping : process->mappings)
      if (mapping.file != nullptr && mapping.file->executable != nullptr) used[mapping.file->executable->number] = true;
  for (const auto& executable : executables_.all())
    if (executable->table == Executable::Table::installed && !used[executable->number])
      executables_.remove_table(*executable);
}

}  // namespace splitprof
