// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/process_table.h"

#include <algorithm>

#include "bpf/abi.h"
#include "processor/ingest/environment.h"
#include "shared/log.h"

namespace splitprof {
namespace {

constexpr uint64_t kSweepNs = 1'000'000'000;
constexpr uint64_t kLateSampleNs = 50'000'000;  // a thread that runs so long after its leader's end is not ending
constexpr size_t kCommBytes = 15;               // TASK_COMM_LEN without its terminator
constexpr uint32_t kSamplesOfABusyProcess = 3;
constexpr size_t kMaxCgroups = 1u << 14;

std::string_view base_name(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path.substr(path.rfind('/') + 1);
}

// Only where there is no hierarchy but the unified one does a sample's cgroup id say all that the text does.
bool is_unified(std::string_view cgroup) {
  return cgroup.starts_with("0::") && cgroup.find('\n') == cgroup.size() - 1;
}

// The walk ended because the kernel has no (good) list of the process's mappings.
bool lacked_list(uint16_t end) {
  return end == SP_COUNT_unknown_process || end == SP_COUNT_stale_list || end == SP_COUNT_no_mapping;
}

RuntimeAddress place_of(const SampleRecord& sample) {
  const bool known = !sample.user_frames.empty() && sample.user_frames.front().kind == SP_FRAME_NATIVE;
  return RuntimeAddress(known ? sample.words(sample.user_frames.front()).front() : 0);
}

bool has_user_stack(const SampleRecord& sample) {
  return !sample.user_frames.empty() || !sample.stack.empty();
}

}  // namespace

ProcessTable::ProcessTable(Questions& questions, Executables& executables, Upload& upload, Metrics& metrics,
                           std::vector<std::string> variables, Limits limits)
    : questions_(questions),
      executables_(executables),
      metrics_(metrics),
      variables_(std::move(variables)),
      limits_(limits),
      files_(executables, metrics),
      lists_(executables, upload, limits.table_patience_ns, [this](Process& process, ProcessMapping& mapping) {
        mapping.file = files_.file_of(MappedFileKey(mapping.file->key), process, mapping.start, mapping.length,
                                      lives(process), now_ns_);
      }) {}

// ---- Samples ----------------------------------------------------------------------------------------------------

void ProcessTable::on_arrival(const SampleRecord& sample) {
  if (sample.process.value == 0) return;
  if (const auto known = find_key(sample.process); known != nullptr) {
    if (lacked_list(sample.end) && known->maps == Process::Asked::answered && asked_at_exec_.erase(sample.process) != 0)
      ask_mappings(known);
    return;
  }
  // What ends within milliseconds has no third sample, and what is sampled less often can wait for its turn. But what a
  // script does is seen by those only who know where its interpreter is.
  const uint32_t busy = interpreting_.contains(sample.pid) ? 1 : kSamplesOfABusyProcess;
  if (++arrivals_[sample.process] != busy) return;
  if (!early_.take(now_ns_)) {
    ++metrics_.early_questions_limited;
    return;
  }
  const auto process = add_key(sample.pid, sample.start_time_ns, sample.process);
  process->sampled_at = place_of(sample);
  ask_mappings(process);
  ask_description(process, sample.cgroup_id);
}

std::shared_ptr<Process> ProcessTable::find_key(ProcessKey key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

std::shared_ptr<Process> ProcessTable::make(Pid pid) {
  ++metrics_.processes_seen;
  auto process = std::make_shared<Process>();
  process->number = next_number_++;
  process->pid = pid;
  process->last_used_ns = now_ns_;
  return process;
}

std::shared_ptr<Process> ProcessTable::add_key(Pid pid, uint64_t start_time_ns, ProcessKey key) {
  auto process = make(pid);
  process->start_time_ns = start_time_ns;
  process->key = key;
  by_key_[key] = process;
  return process;
}

std::shared_ptr<Process> ProcessTable::process_of(const SampleRecord& sample) {
  auto& current = by_pid_[sample.pid];
  const bool other =
      current != nullptr && current->start_time_ns != 0 && current->start_time_ns != sample.start_time_ns;
  if (sample.process.value == 0) {
    // A kernel thread, a denied process, one of another pid namespace, or one that had ended when its sample was met.
    if (current == nullptr || other) current = make(sample.pid);
  } else if (current == nullptr || current->key != sample.process) {
    current = with_key(sample, other ? nullptr : current);
  }
  auto& process = *current;
  process.start_time_ns = sample.start_time_ns;
  process.last_used_ns = now_ns_;
  if (process.sampled_at.value == 0) process.sampled_at = place_of(sample);
  if (process.exited_ns != 0 && sample.time_ns > process.exited_ns + kLateSampleNs) process.exited_ns = 0;
  const bool leader = sample.pid.value == sample.tid.value;
  set_name(process, leader ? Process::NameSource::leader : Process::NameSource::thread, sample.comm);
  ask_what_is_missing(current, sample);
  return current;
}

// The process of the sample's key; `current` is what the side band says about the sample's pid, or null.
std::shared_ptr<Process> ProcessTable::with_key(const SampleRecord& sample, const std::shared_ptr<Process>& current) {
  auto asked = find_key(sample.process);
  if (asked != nullptr) {
    if (current != nullptr && (current->key.value == 0 || current->exec_ns != 0)) adopt(*asked, *current);
    return asked;
  }
  // A key dies with its program, and no other program was seen to begin: between exec's first and last steps there are
  // samples with the old key of what is the new program already.
  if (current != nullptr && (current->key.value == 0 || (current->exec_ns != 0 && knows_mappings(*current)))) {
    if (current->key.value != 0) by_key_.erase(current->key);
    current->key = sample.process;
    by_key_[sample.process] = current;
    return current;
  }
  return add_key(sample.pid, sample.start_time_ns, sample.process);
}

// `before` was put together from the side band alone; `process` is the same program, now with a key to ask by.
void ProcessTable::adopt(Process& process, const Process& before) {
  if (process.mappings.empty()) {
    process.mappings = before.mappings;
    ++process.mapping_changes;
    process.wants_files = false;  // they were not opened yet
  }
  if (!process.complete && before.complete) {
    process.complete = true;
    process.losses_seen = before.losses_seen;
  }
  process.exec_ns = before.exec_ns;
  if (process.exec_key == 0) process.exec_key = before.exec_key;
  if (process.executable_path.empty()) process.executable_path = before.executable_path;
  if (process.cgroup.empty()) process.cgroup = before.cgroup;
  process.exited_ns = before.exited_ns;
  set_name(process, before.name_source, before.name);
  process.resolvable = false;
}

bool ProcessTable::lives(const Process& process) const {
  if (process.exited_ns != 0) return false;
  const auto exit = exits_.find(process.pid);
  return exit == exits_.end() || exit->second < process.exec_ns;
}

// ---- Questions and answers ---------------------------------------------------------------------------------------

void ProcessTable::ask_what_is_missing(const std::shared_ptr<Process>& process, const SampleRecord& sample) {
  using Asked = Process::Asked;
  if (process->key.value != 0 && process->maps != Asked::waiting) {
    if (!process->complete && process->maps == Asked::never)
      ask_mappings(process);
    else if (process->losses_seen < losses_)
      synchronise(process);
  }
  if (process->cgroup.empty()) {
    if (const auto known = cgroups_.find(sample.cgroup_id); known != cgroups_.end()) {
      process->cgroup = known->second;
      process->profile = 0;
    } else if (process->key.value != 0 && process->description == Asked::never && lives(*process)) {
      ask_description(process, sample.cgroup_id);
    }
  }
  if (!variables_.empty() && process->key.value != 0 && process->variables == Asked::never && lives(*process))
    ask_environment(process);
  if (!has_user_stack(sample)) return;
  if (process->maps != Asked::waiting && (!process->wants_files || process->awaits_program)) {
    if (!process->wants_files && process->complete) ++metrics_.processes_not_asked;
    files_.open_all(*process, lives(*process), now_ns_);
  }
  // What the side band told is good enough for the kernel, too, if the process goes on to be sampled.
  if (!process->in_kernel && process->key.value != 0 && knows_mappings(*process) && lacked_list(sample.end) &&
      lives(*process)) {
    process->in_kernel = true;
    lists_.on_list_changed(process, now_ns_);
  }
}

void ProcessTable::ask_mappings(const std::shared_ptr<Process>& process) {
  ++metrics_.maps_asked;
  process->maps = Process::Asked::waiting;
  process->losses_seen = losses_;
  questions_.ask(AskMappings{process->key}, [this, process](Result<AnswerValue> answer) {
    on_mappings(process, answer_as<Text>(std::move(answer)));
  });
}

void ProcessTable::ask_description(const std::shared_ptr<Process>& process, uint64_t cgroup_id) {
  process->description = Process::Asked::waiting;
  questions_.ask(AskDescription{process->key}, [this, process, cgroup_id](Result<AnswerValue> answer) {
    on_description(*process, cgroup_id, answer_as<Description>(std::move(answer)));
  });
}

void ProcessTable::ask_environment(const std::shared_ptr<Process>& process) {
  ++metrics_.environments_asked;
  process->variables = Process::Asked::waiting;
  questions_.ask(AskEnvironment{process->key, variables_}, [this, process](Result<AnswerValue> answer) {
    on_environment(*process, answer_as<Text>(std::move(answer)));
  });
}

void ProcessTable::on_environment(Process& process, Result<Text> picked) {
  process.variables = picked ? Process::Asked::answered : Process::Asked::failed;
  if (picked) {
    process.environment = split_variables(picked->bytes);
    process.profile = 0;  // it is another resource now
  } else {
    ++metrics_.environments_refused;
    if (picked.error().code != Errc::gone && !std::exchange(environment_refused_, true))
      log::warn("no environment of pid {}: {} (said once)", process.pid.value, picked.error().message);
  }
  on_change();
}

bool ProcessTable::synchronise(const std::shared_ptr<Process>& process) {
  if (process->key.value == 0 || process->maps == Process::Asked::waiting || !lives(*process)) return false;
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
    files_.open_all(*process, false, now_ns_);
    return on_change();
  }
  process->wants_files = true;
  process->awaits_program = false;
  std::vector<ProcessMapping> mappings;
  mappings.reserve(list.mappings.size());
  for (const auto& listed : list.mappings)
    mappings.push_back({.start = listed.start,
                        .length = listed.length,
                        .file_offset = listed.file_offset,
                        .file = files_.file_of(listed.file, *process, listed.start, listed.length, true, now_ns_)});
  process->mappings = std::move(mappings);
  ++process->mapping_changes;
  process->maps = Process::Asked::answered;
  process->complete = true;
  process->in_kernel = true;
  process->resolvable = false;
  lists_.on_list_changed(process, now_ns_);
  on_mapped(process);
  on_change();
}

void ProcessTable::on_description(Process& process, uint64_t cgroup_id, Result<Description> description) {
  process.description = description ? Process::Asked::answered : Process::Asked::failed;
  if (description) {
    if (is_unified(description->cgroup) && cgroups_.size() < kMaxCgroups) cgroups_[cgroup_id] = description->cgroup;
    process.executable_path = std::move(description->executable_link);
    process.cgroup = std::move(description->cgroup);
    process.profile = 0;
    set_name(process, Process::NameSource::link, base_name(process.executable_path).substr(0, kCommBytes));
  }
  on_change();
}

bool ProcessTable::ready(Process& process) {
  using Asked = Process::Asked;
  for (const Asked asked : {process.maps, process.description, process.variables})
    if (asked == Asked::waiting) return false;
  if (process.awaits_program) files_.open_all(process, lives(process), now_ns_);
  if (process.awaits_program) return false;
  if (process.resolvable) return true;
  const auto all_files = [&process](auto&& is_so) {
    return std::all_of(process.mappings.begin(), process.mappings.end(),
                       [&](const auto& mapping) { return mapping.file == nullptr || is_so(*mapping.file); });
  };
  if (!all_files([](const MappedFile& file) { return file.resolvable(); })) return false;
  // It, or another one that maps the same, ended while its files were asked for.
  if (!std::all_of(process.mappings.begin(), process.mappings.end(), [](const auto& mapping) {
        return mapping.file == nullptr || !mapping.file->gone || mapping.retried;
      })) {
    files_.open_all(process, lives(process), now_ns_);
    if (process.awaits_program || !all_files([](const MappedFile& file) { return file.resolvable(); })) return false;
  }
  process.resolvable = true;
  return true;
}

// ---- Housekeeping ------------------------------------------------------------------------------------------------

void ProcessTable::tick(uint64_t now_ns) {
  advance(now_ns);
  lists_.tick(now_ns_);
  if (now_ns_ < next_sweep_ns_) return;
  next_sweep_ns_ = now_ns_ + kSweepNs;
  const auto is_over = [this](uint64_t when_ns) { return when_ns != 0 && when_ns + limits_.keep_exited_ns < now_ns_; };
  std::erase_if(exits_, [&](const auto& entry) { return is_over(entry.second); });
  std::erase_if(by_pid_, [&](const auto& entry) { return is_over(entry.second->exited_ns); });
  evict();
  std::erase_if(by_key_, [&](const auto& entry) {
    const auto& process = *entry.second;
    const auto current = by_pid_.find(process.pid);
    const bool replaced = current == by_pid_.end() || current->second != entry.second;
    return replaced && is_over(process.last_used_ns);
  });
  if (cgroups_.size() == kMaxCgroups) cgroups_.clear();
  arrivals_.clear();
  std::erase_if(asked_at_exec_, [this](const ProcessKey& key) { return !by_key_.contains(key); });
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
  for (const auto& executable : executables_.all()) installed += executable->table_id != 0;
  if (installed < SP_MAX_EXECUTABLES / 2) return;
  std::vector<bool> used(executables_.all().size() + 1);
  const auto use = [&used](const Process& process) {
    for (const auto& mapping : process.mappings)
      if (mapping.file != nullptr && mapping.file->executable != nullptr) used[mapping.file->executable->number] = true;
  };
  for (const auto& [_, process] : by_pid_) use(*process);
  for (const auto& [_, process] : by_key_) use(*process);
  for (const auto& executable : executables_.all())
    if (executable->table == Executable::Table::installed && !used[executable->number])
      executables_.remove_table(*executable);
}

OpenBy ProcessTable::user_of(const Executable& executable) const {
  OpenBy user;
  for (const auto& [pid, process] : by_pid_) {
    if (process->key.value == 0 || process->exited_ns != 0) continue;
    for (const auto& mapping : process->mappings)
      if (mapping.file != nullptr && mapping.file->executable == &executable)
        return {process->key, mapping.start, RuntimeAddress(mapping.end())};
  }
  return user;
}

}  // namespace splitprof
