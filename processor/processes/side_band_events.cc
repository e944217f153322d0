// SPDX-License-Identifier: Apache-2.0
//
// The part of ProcessTable that follows the side band: programs begin and end, map files and change their names.
#include "bpf/abi.h"
#include "processor/processes/process_table.h"

namespace splitprof {
namespace {

constexpr size_t kMaxExits = 1u << 16;  // of one slack of the orderer; past it questions to the dead are merely in vain

MappedFileKey key_of(const ProcessRecord::MappingAdded& added) {
  return {.device_major = added.device_major,
          .device_minor = added.device_minor,
          .inode = added.inode,
          .generation = added.inode_generation,
          .path = added.path};
}

}  // namespace

void ProcessTable::on_arrival(const ProcessRecord& event) {
  if (const auto* added = std::get_if<ProcessRecord::MappingAdded>(&event.event)) {
    if (interpreting_.size() < kMaxExits && executables_.has_runtime(key_of(*added))) interpreting_.insert(event.pid);
  } else if (std::holds_alternative<ProcessRecord::Exec>(event.event)) {
    interpreting_.erase(event.pid);
  } else if (std::holds_alternative<ProcessRecord::Exit>(event.event) && event.pid.value == event.tid.value) {
    interpreting_.erase(event.pid);
    if (exits_.size() < kMaxExits) exits_[event.pid] = event.time_ns;
  } else if (std::holds_alternative<ProcessRecord::Taken>(event.event) && interpreting_.contains(event.pid)) {
    // It has hardly begun: told of its interpreter now, the kernel knows it at the first sample.
    if (event.process.value != 0 && !by_key_.contains(event.process) && early_.take(now_ns_)) {
      asked_at_exec_.insert(event.process);
      ask_mappings(add_key(event.pid, 0, event.process));
    }
  }
}

void ProcessTable::on_event(const ProcessRecord& event) {
  ++metrics_.process_events;
  if (const auto* exec = std::get_if<ProcessRecord::Exec>(&event.event)) return on_exec(event, *exec);
  if (const auto* fork = std::get_if<ProcessRecord::Fork>(&event.event)) return on_fork(event, *fork);
  if (const auto* added = std::get_if<ProcessRecord::MappingAdded>(&event.event)) return on_mapping(event, *added);
  if (const auto* comm = std::get_if<ProcessRecord::Comm>(&event.event)) return on_comm(event, comm->comm);
  if (const auto* taken = std::get_if<ProcessRecord::Taken>(&event.event)) return on_taken(event, taken->key);
  if (event.pid.value == event.tid.value) on_exit(event);
}

void ProcessTable::on_exec(const ProcessRecord& event, const ProcessRecord::Exec& exec) {
  auto& current = by_pid_[event.pid];
  auto process = make(event.pid);
  process->exec_ns = event.time_ns;
  process->exec_key = exec.key;
  process->complete = true;
  process->losses_seen = losses_;
  set_name(*process, Process::NameSource::leader, exec.comm);
  if (current != nullptr) {
    process->cgroup = current->cgroup;  // an exec changes neither
    process->start_time_ns = current->start_time_ns;
    if (current->key.value != 0) by_key_.erase(current->key);
  }
  current = std::move(process);
}

void ProcessTable::on_fork(const ProcessRecord& event, const ProcessRecord::Fork& fork) {
  if (event.pid.value != event.tid.value || event.pid == fork.parent_pid) return;  // a new thread
  const auto found = by_pid_.find(fork.parent_pid);
  auto child = make(event.pid);
  if (found != by_pid_.end()) {
    const auto& parent = *found->second;
    child->mappings = parent.mappings;
    ++child->mapping_changes;
    child->complete = parent.complete;
    child->losses_seen = parent.losses_seen;
    child->exec_ns = parent.exec_ns;
    child->exec_key = parent.exec_key;
    child->executable_path = parent.executable_path;
    child->cgroup = parent.cgroup;
    child->environment = parent.environment;
    child->variables = parent.variables == Process::Asked::answered ? parent.variables : Process::Asked::never;
    set_name(*child, parent.name_source, parent.name);
    on_forked(parent, child);
  }
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
  const auto key = key_of(added);
  // Often `maps` was read after the event and before the event's turn: then there is nothing new in it.
  if (known != nullptr && known->start == added.start && known->length == added.length &&
      known->file_offset == added.file_offset && (known->file == nullptr) == (key.inode == 0) &&
      (known->file == nullptr || (known->file->key.inode == key.inode && known->file->key.path == key.path)))
    return;
  // The kernel maps the program itself first.
  if (process->exec_ns != 0 && process->mappings.empty() && process->executable_path.empty())
    process->executable_path = added.path;
  process->add({.start = added.start,
                .length = added.length,
                .file_offset = added.file_offset,
                .file = files_.file_of(key, *process, added.start, added.length, lives(*process), now_ns_)});
  if (process->wants_files) files_.open_all(*process, lives(*process), now_ns_);
  lists_.on_list_changed(process, now_ns_);
}

void ProcessTable::on_taken(const ProcessRecord& event, uint64_t exec_key) {
  const auto found = by_pid_.find(event.pid);
  if (found == by_pid_.end() || found->second->exec_ns == 0 || found->second->exec_ns > event.time_ns) return;
  found->second->exec_key = exec_key;
  if (found->second->awaits_program) on_change();  // ready() looks again
}

void ProcessTable::on_exit(const ProcessRecord& event) {
  if (const auto exit = exits_.find(event.pid); exit != exits_.end() && exit->second <= event.time_ns)
    exits_.erase(exit);
  if (const auto found = by_pid_.find(event.pid); found != by_pid_.end()) found->second->exited_ns = event.time_ns;
}

}  // namespace splitprof
