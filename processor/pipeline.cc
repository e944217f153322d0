// SPDX-License-Identifier: Apache-2.0
#include "processor/pipeline.h"

#include "processor/processes/resolve.h"
#include "shared/ring.h"

namespace splitprof {
namespace {

// Samples of a process's last moments may be younger than its exit.
constexpr uint64_t kKeepEndedNs = 2'000'000'000;

size_t bytes_of(const SampleRecord& sample) {
  return sizeof(sample) + sample.stack.size() + sample.user_frames.size() * sizeof(RawFrame) +
         (sample.user_words.size() + sample.kernel_frames.size() + sample.registers.size()) * sizeof(uint64_t);
}

}  // namespace

Pipeline::Pipeline(Input& input, Metrics& metrics, Options options)
    : metrics_(metrics),
      options_(std::move(options)),
      questions_(input),
      orderer_(metrics),
      upload_(questions_, metrics),
      executables_(questions_, upload_, host_tables_, metrics, options_.hash_files, options_.disabled,
                   [this] {
                     processes_.on_files_changed();
                     may_release_ = true;
                   }),
      processes_(questions_, executables_, upload_, metrics, options_.variables),
      interpreters_(questions_, functions_, metrics, [this] { may_release_ = true; }),
      splicer_(metrics),
      rewalk_(executables_, host_tables_, splicer_, metrics),
      profile_(make_profile()) {
  processes_.on_change = [this] { may_release_ = true; };
  processes_.on_mapped = [this](const std::shared_ptr<Process>& process) { to_look_at_.push_back(process); };
  processes_.on_forked = [this](const Process& parent, const std::shared_ptr<Process>& child) {
    interpreters_.inherit(parent, child);
  };
  for (const Pid pid : options_.only) wanted_.emplace(pid, 0);
}

void Pipeline::on_event(Event event) {
  if (const auto* record = std::get_if<RecordEvent>(&event)) {
    on_record(*record);
  } else if (auto* answer = std::get_if<AnswerEvent>(&event)) {
    questions_.on_answer(std::move(*answer));
  } else if (auto* job = std::get_if<JobEvent>(&event)) {
    job->job->done();
  } else if (const auto* tick = std::get_if<TickEvent>(&event)) {
    on_tick(tick->now_ns);
  }
  if (may_release_ && !to_look_at_.empty()) look_for_interpreters();
  if (may_release_ && !held_.empty()) release_held();
}

void Pipeline::look_for_interpreters() {
  std::erase_if(to_look_at_, [this](const auto& process) {
    const bool lives = processes_.lives(*process);
    if (!lives) return true;
    const bool complete = processes_.ready(*process);
    return interpreters_.look_at(process, complete, lives, processes_.now_ns());
  });
}

void Pipeline::on_tick(uint64_t now_ns) {
  orderer_.advance(now_ns);
  handle_due();
  processes_.tick(now_ns);
  std::erase_if(wanted_,
                [now_ns](const auto& entry) { return entry.second != 0 && entry.second + kKeepEndedNs < now_ns; });
  may_release_ = true;  // deadlines
}

void Pipeline::on_record(const RecordEvent& event) {
  ++metrics_.records_consumed;
  const bool is_sample = event.format == kFormatSampleRecord;
  if (is_sample) ++metrics_.samples_consumed;
  auto& record = orderer_.slot();
  const auto decoded = decode_record(event.format, event.message, record);
  if (!decoded || std::holds_alternative<SampleRecord>(record) != is_sample) {
    ++(is_sample ? metrics_.samples_malformed : metrics_.records_malformed);
    return;
  }
  if (auto* sample = std::get_if<SampleRecord>(&record)) {
    if (is_wanted(sample->pid) && !is_too_young(*sample)) processes_.on_arrival(*sample);
    processes_.advance(sample->time_ns);
    // The process may be gone when it is the sample's turn: its names are read now.
    if (sample->interpreted_frames != 0 && is_wanted(sample->pid))
      if (const auto process = processes_.find_key(sample->process))
        interpreters_.name_frames(process, *sample, false, processes_.now_ns());
    orderer_.push(sample->time_ns, event.message.size_bytes());
  } else if (const auto* process = std::get_if<ProcessRecord>(&record)) {
    // A child's samples and events are wanted from now on, not only when its fork has its turn.
    if (const auto* fork = std::get_if<ProcessRecord::Fork>(&process->event); fork != nullptr && !wanted_.empty())
      if (wanted_.contains(fork->parent_pid)) wanted_.insert_or_assign(process->pid, 0);
    processes_.on_arrival(*process);
    orderer_.push(process->time_ns, event.message.size_bytes());
  } else if (const auto* loss = std::get_if<LossRecord>(&record)) {
    on_loss(*loss);
    orderer_.push(loss->time_ns, event.message.size_bytes());
  } else if (const auto* sync = std::get_if<ClockSyncRecord>(&record)) {
    clock_sync_ = *sync;
  } else {
    ++kernel_symbol_changes_;
  }
  handle_due();
}

void Pipeline::handle_due() {
  while (auto* record = orderer_.pop()) handle(*record);
}

void Pipeline::flush_order() {
  while (auto* record = orderer_.pop_any()) handle(*record);
}

void Pipeline::handle(Record& record) {
  if (auto* sample = std::get_if<SampleRecord>(&record))
    on_sample(*sample);
  else if (const auto* event = std::get_if<ProcessRecord>(&record))
    on_process_event(*event);
  else if (const auto* loss = std::get_if<LossRecord>(&record))
    if (loss->reason == LossRecord::Reason::side_band) processes_.on_side_band_loss();
}

void Pipeline::on_sample(SampleRecord& sample) {
  if (!is_wanted(sample.pid)) {
    ++metrics_.samples_filtered;
    return;
  }
  if (is_too_young(sample)) {
    ++metrics_.samples_too_young;
    return;
  }
  if (sample.process.value == 0) ++metrics_.samples_without_process;
  const auto process = processes_.process_of(sample);
  if (!processes_.ready(*process)) return hold(process, sample);
  interpreters_.look_at(process, true, processes_.lives(*process), processes_.now_ns());
  if (!interpreters_.name_frames(process, sample, false, processes_.now_ns())) return hold(process, sample);
  const auto outcome = rewalk_.improve(sample, *process, false);
  if (outcome == Rewalk::Outcome::waits) return hold(process, sample);
  if (process->key.value != 0 && !is_explained(sample, *process) && processes_.synchronise(process))
    return hold(process, sample);
  rewalk_.count(sample, outcome);
  aggregate(sample, *process);
}

void Pipeline::on_process_event(const ProcessRecord& event) {
  if (!wanted_.empty()) {
    if (const auto* fork = std::get_if<ProcessRecord::Fork>(&event.event)) {
      if (wanted_.contains(fork->parent_pid)) wanted_.insert_or_assign(event.pid, 0);
    } else if (std::holds_alternative<ProcessRecord::Exit>(event.event) && event.pid.value == event.tid.value) {
      if (const auto found = wanted_.find(event.pid); found != wanted_.end()) found->second = event.time_ns;
    }
  }
  processes_.on_event(event);
}

void Pipeline::on_loss(const LossRecord& loss) {
  switch (loss.reason) {
    case LossRecord::Reason::bpf_ring:
      metrics_.lost_bpf_ring += loss.count;
      break;
    case LossRecord::Reason::shared_ring:
      metrics_.lost_shared_ring += loss.count;
      break;
    case LossRecord::Reason::no_client:
      metrics_.lost_no_client += loss.count;
      break;
    case LossRecord::Reason::side_band:
      metrics_.lost_side_band += loss.count;
      break;
  }
}

void Pipeline::hold(const std::shared_ptr<Process>& process, SampleRecord& sample) {
  const size_t bytes = bytes_of(sample);
  if (held_samples_ >= options_.max_held || held_bytes_ + bytes > options_.max_held_bytes) flush_held();
  auto& held = held_[process->number];
  if (held.samples.empty()) {
    held.process = process;
    held.deadline_ns = processes_.now_ns() + options_.hold_ns;
  }
  held.samples.push_back(std::move(sample));
  ++held_samples_;
  held_bytes_ += bytes;
  ++metrics_.samples_held;
}

void Pipeline::release_held() {
  may_release_ = false;
  for (auto entry = held_.begin(); entry != held_.end();) {
    auto& held = entry->second;
    const bool last = processes_.now_ns() >= held.deadline_ns;
    if (last || processes_.ready(*held.process)) release(held, last);
    entry = held.samples.empty() ? held_.erase(entry) : std::next(entry);
  }
}

void Pipeline::flush_held() {
  for (auto& [_, held] : held_) release(held, true);
  held_.clear();
}

void Pipeline::release(Held& held, bool last) {
  const bool ready = processes_.ready(*held.process);
  if (last && !ready) metrics_.samples_held_too_long += held.samples.size();
  if (ready) interpreters_.look_at(held.process, true, processes_.lives(*held.process), processes_.now_ns());
  std::erase_if(held.samples, [&](SampleRecord& sample) {
    const size_t bytes = bytes_of(sample);
    if (!interpreters_.name_frames(held.process, sample, last, processes_.now_ns())) return false;
    const auto outcome = rewalk_.improve(sample, *held.process, last);
    if (outcome == Rewalk::Outcome::waits) return false;
    rewalk_.count(sample, outcome);
    aggregate(sample, *held.process);
    --held_samples_;
    held_bytes_ -= bytes;
    return true;
  });
}

void Pipeline::aggregate(SampleRecord& sample, Process& process) {
  splicer_.splice(sample);
  resolve(sample, process, frames_, metrics_);
  if (process.profile != profile_number_) {
    process.resource = profile_->intern_resource({.pid = process.pid.value,
                                                  .start_time_ns = process.start_time_ns,
                                                  .process_name = process.name,
                                                  .executable_path = process.executable_path,
                                                  .cgroup = process.cgroup,
                                                  .environment = process.environment});
    process.profile = profile_number_;
  }
  profile_->add(process.resource, frames_, sample.end, sample.time_ns, sample.value, sample.tid.value, sample.comm,
                sample.cpu);
  ++metrics_.samples_aggregated;
}

std::unique_ptr<Profile> Pipeline::take_profile() {
  ++profile_number_;
  functions_.begin_profile();
  metrics_.functions_evicted = functions_.evicted();
  metrics_.functions_refused = functions_.refused();
  metrics_.moments_dropped += profile_->moments_dropped();
  return std::exchange(profile_, make_profile());
}

std::unique_ptr<Profile> Pipeline::make_profile() const {
  return std::make_unique<Profile>(ProfileLimits{.max_moments = options_.max_moments});
}

// A process began at a time of CLOCK_BOOTTIME, which runs while the machine sleeps; a sample's time is of
// CLOCK_MONOTONIC, which does not.
bool Pipeline::is_too_young(const SampleRecord& sample) const {
  if (options_.min_process_age_ns == 0 || !clock_sync_ || sample.start_time_ns == 0) return false;
  const uint64_t time_ns = sample.time_ns + (clock_sync_->boottime_ns - clock_sync_->monotonic_ns);
  return time_ns < sample.start_time_ns + options_.min_process_age_ns;
}

}  // namespace splitprof
