// SPDX-License-Identifier: Apache-2.0
#include "sampler/drain.h"

#include <bpf/libbpf.h>
#include <kj/debug.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "bpf/bucket.h"
#include "sampler/cells.h"
#include "shared/record_slot.h"

namespace splitprof {
namespace {

constexpr size_t kRecordWords = 4;   // root pointer, Record, and some slack
constexpr size_t kSampleWords = 32;  // a Sample's own fields, pointers and comm
constexpr uint64_t kClockEveryNs = 60'000'000'000;
constexpr int64_t kClockStepNs = 10'000'000;
// A wake-up costs some 20 us: at most 0.1 % of a CPU.
constexpr uint64_t kTakenWakeNs = 1'000'000'000 / 50;
constexpr uint64_t kTakenWakeBurst = 50;

uint64_t clock_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

kj::ArrayPtr<const kj::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

}  // namespace

Drain::Drain(const Programs& programs, SideBand& side_band, Targets& targets, SamplerCounters& counters,
             Listener& listener)
    : side_band_(side_band), targets_(targets), counters_(counters), listener_(listener) {
  ring_ = ring_buffer__new(programs.ring_fd(), &Drain::on_record, this, nullptr);
  KJ_REQUIRE(ring_ != nullptr, "cannot map the BPF ring", strerror(errno));
}

Drain::~Drain() {
  ring_buffer__free(ring_);
}

int Drain::wake_fd() const {
  return ring_buffer__epoll_fd(ring_);
}

void Drain::set_sink(RecordSink* sink) {
  if (sink_) {
    (void)collect();  // its position may be a lie: then the last good one counts
    counters_.add(SamplerCounter::abandoned, sink_->ring.published_samples() - sink_->ring.consumed_samples());
  }
  sink_ = sink;
  told_published_ = told_consumed_ = 0;
  pending_ring_full_ = 0;
  pending_side_band_.fill(0);
  told_no_client_ = counters_[SamplerCounter::no_client];
  clock_told_ns_ = 0;
}

Result<> Drain::collect() {
  auto result = sink_->ring.collect_consumed();
  const uint64_t consumed = sink_->ring.consumed_samples(), published = sink_->ring.published_samples();
  counters_.add(SamplerCounter::consumed, consumed - told_consumed_);
  counters_.add(SamplerCounter::published, published - told_published_);
  told_consumed_ = consumed;
  told_published_ = published;
  return result;
}

Result<> Drain::run(bool wake_for_events) {
  if (sink_)
    if (auto result = collect(); !result) return result;
  const uint64_t samples_before = sink_ ? sink_->ring.published_samples() : 0;
  side_band_.drain([this](const SideBandEvent& event) { on_event(event); });
  ring_buffer__consume(ring_);
  if (!sink_) return Ok{};
  tell_loss();
  tell_clock();
  const bool wake = wake_for_events || sink_->ring.published_samples() != samples_before;
  if (wake) this->wake();
  return collect();
}

void Drain::wake() {
  if (sink_->ring.should_wake()) send(sink_->wakeup, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

template <typename Fill>
bool Drain::publish(size_t words, uint32_t format, Fill&& fill) {
  auto slot = sink_->ring.reserve(words);
  if (slot.empty()) return false;
  RecordSlot message(slot);
  fill(message.initRoot<schema::Record>());
  const size_t used = message.finish();
  KJ_REQUIRE(used != 0, "a record was larger than it was reckoned to be", words);
  sink_->ring.commit(used, format);
  return true;
}

int Drain::on_record(void* self, void* data, size_t bytes) {
  auto& drain = *static_cast<Drain*>(self);
  // Records are 8-byte aligned in the ring, and nobody writes them any more.
  const auto* kind = static_cast<const uint32_t*>(data);
  if (bytes >= sizeof(sp_sample) && *kind == SP_RECORD_SAMPLE) {
    const auto* sample = static_cast<const sp_sample*>(data);
    drain.on_sample(*sample, {static_cast<const uint8_t*>(data) + sizeof *sample, bytes - sizeof *sample});
  } else if (bytes >= sizeof(sp_exec) && *kind == SP_RECORD_EXEC) {
    const auto* exec = static_cast<const sp_exec*>(data);
    const uint64_t key = drain.targets_.exec(exec->pid, exec->start_time_ns, exec->flags & SP_SAMPLE_DENIED);
    if (drain.sink_ && key) drain.listener_.on_exec(*exec, key);
  } else {
    drain.counters_.add(SamplerCounter::odd_bpf_records);
  }
  return 0;
}

void Drain::on_sample(const sp_sample& sample, std::span<const uint8_t> rest) {
  const size_t n_cells = std::min<size_t>(sample.n_cells, SP_MAX_CELLS);
  const size_t wanted = n_cells * sizeof(sp_cell) + (sample.n_kernel + size_t{sample.n_registers}) * 8;
  if (sample.n_kernel > SP_MAX_KERNEL_FRAMES || sample.n_registers > SP_MAX_REGISTERS ||
      sample.stack_bytes > SP_MAX_STACK_BYTES || rest.size() < wanted + sample.stack_bytes)
    return counters_.add(SamplerCounter::odd_bpf_records);
  const bool kernel_thread = sample.flags & SP_SAMPLE_KERNEL_THREAD;
  const uint64_t key =
      kernel_thread ? 0 : targets_.key_for(sample.pid, sample.start_time_ns, sample.flags & SP_SAMPLE_DENIED);
  if (!sink_) return counters_.add(SamplerCounter::no_client);

  const auto* cells = reinterpret_cast<const sp_cell*>(rest.data());
  const auto* kernel = reinterpret_cast<const uint64_t*>(cells + n_cells);
  const auto* registers = kernel + sample.n_kernel;
  const auto* stack = reinterpret_cast<const uint8_t*>(registers + sample.n_registers);
  const CellsInOrder frames({cells, n_cells}, sample.n_cells);
  const size_t frame_words = frames.words();
  const size_t words =
      kRecordWords + kSampleWords + frame_words + sample.n_kernel + sample.n_registers + (sample.stack_bytes + 7) / 8;

  const bool published = publish(words, kFormatSampleRecord, [&](schema::Record::Builder record) {
    auto out = record.initSample();
    out.setTimeNs(sample.time_ns);
    out.setWalkNs(sample.walk_ns);
    out.setProcess(key);
    out.setStartTimeNs(sample.start_time_ns);
    out.setCgroupId(sample.cgroup_id);
    out.setValue(sample.value);
    out.setPid(sample.pid);
    out.setTid(sample.tid);
    out.setCpu(sample.cpu);
    out.setFlags(sample.flags);
    out.setEnd(sample.end);
    out.setKind(static_cast<schema::SampleKind>(sample.sample_kind));
    out.setComm(bytes_of({sample.comm, strnlen(sample.comm, sizeof sample.comm)}));
    auto kernel_frames = out.initKernelFrames(sample.n_kernel);
    for (unsigned i = 0; i < sample.n_kernel; ++i) kernel_frames.set(i, kernel[i]);
    auto user_frames = out.initUserFrames(static_cast<unsigned>(frame_words));
    unsigned at = 0;
    frames.for_each_word([&](uint64_t word) { user_frames.set(at++, word); });
    if (sample.n_registers) {
      auto list = out.initRegisters(sample.n_registers);
      for (unsigned i = 0; i < sample.n_registers; ++i) list.set(i, registers[i]);
    }
    if (sample.stack_bytes) {
      out.setStackAddress(sample.stack_address);
      out.setStack({stack, sample.stack_bytes});
    }
  });
  if (!published) {
    counters_.add(SamplerCounter::shared_ring_full);
    ++pending_ring_full_;
  }
}

void Drain::on_event(const SideBandEvent& event) {
  if (const auto* fork = std::get_if<SideBandFork>(&event.what); fork && fork->parent_pid != event.pid)
    listener_.on_fork(fork->parent_pid, event.pid);
  if (const auto* lost = std::get_if<SideBandLost>(&event.what)) {
    counters_.add(SamplerCounter::side_band_lost, lost->count);
    pending_side_band_[event.cpu % pending_side_band_.size()] += lost->count;
    return;
  }
  if (std::holds_alternative<SideBandKernelSymbols>(event.what)) {
    kernel_symbols_changed_ = true;
    return;
  }
  if (!sink_) return counters_.add(SamplerCounter::events_no_client);
  const auto* mapping = std::get_if<SideBandMapping>(&event.what);
  const size_t words = kRecordWords + 24 + (mapping ? mapping->path.size() / 8 + 1 : 4);
  const bool published = publish(words, kFormatRecord, [&](schema::Record::Builder record) {
    auto out = record.initProcess();
    out.setTimeNs(event.time_ns);
    out.setPid(event.pid);
    out.setTid(event.tid);
    if (mapping) {
      auto to = out.initMapping();
      to.setStart(mapping->start);
      to.setLength(mapping->length);
      to.setFileOffset(mapping->file_offset);
      to.setDeviceMajor(mapping->device_major);
      to.setDeviceMinor(mapping->device_minor);
      to.setInode(mapping->inode);
      to.setInodeGeneration(mapping->inode_generation);
      to.setPath(bytes_of(mapping->path));
    } else if (const auto* comm = std::get_if<SideBandComm>(&event.what)) {
      if (comm->exec)
        out.initExec().setComm(bytes_of(comm->comm));
      else
        out.setComm(bytes_of(comm->comm));
    } else if (const auto* fork = std::get_if<SideBandFork>(&event.what)) {
      auto to = out.initFork();
      to.setParentPid(fork->parent_pid);
      to.setParentTid(fork->parent_tid);
    } else {
      out.setExit();
    }
  });
  counters_.add(published ? SamplerCounter::events_published : SamplerCounter::events_ring_full);
  // To the reader it is the same whether the kernel or this ring had no room: mappings may have changed unseen.
  if (!published) ++pending_side_band_[event.cpu % pending_side_band_.size()];
}

void Drain::tell_taken(const sp_exec& exec, uint64_t key) {
  if (!sink_) return counters_.add(SamplerCounter::events_no_client);
  const bool published = publish(kRecordWords + 24, kFormatRecord, [&](schema::Record::Builder record) {
    auto out = record.initProcess();
    out.setTimeNs(exec.time_ns);
    out.setPid(exec.pid);
    out.setTid(exec.pid);
    out.setProcess(key);
    out.initTaken().setKey(key);
  });
  if (published && sp_take_token(&taken_wakes_full_at_ns_, exec.time_ns, kTakenWakeNs, kTakenWakeBurst)) wake();
  counters_.add(published ? SamplerCounter::events_published : SamplerCounter::events_ring_full);
}

void Drain::tell_loss() {
  auto tell = [&](schema::LossReason reason, uint32_t cpu, uint64_t lost) {
    return publish(kRecordWords + 12, kFormatRecord, [&](schema::Record::Builder record) {
      auto out = record.initLoss();
      out.setTimeNs(clock_ns(CLOCK_MONOTONIC));
      out.setCpu(cpu);
      out.setCount(lost);
      out.setReason(reason);
    });
  };
  if (pending_ring_full_ && tell(schema::LossReason::SHARED_RING, 0, pending_ring_full_)) pending_ring_full_ = 0;
  for (uint32_t cpu = 0; cpu < pending_side_band_.size(); ++cpu)
    if (pending_side_band_[cpu] && tell(schema::LossReason::SIDE_BAND, cpu, pending_side_band_[cpu]))
      pending_side_band_[cpu] = 0;
  const uint64_t no_client = counters_[SamplerCounter::no_client];
  if (no_client != told_no_client_ && tell(schema::LossReason::NO_CLIENT, 0, no_client - told_no_client_))
    told_no_client_ = no_client;
  if (kernel_symbols_changed_ && publish(kRecordWords + 8, kFormatRecord, [](schema::Record::Builder record) {
        record.initKernelSymbolsChanged().setTimeNs(clock_ns(CLOCK_MONOTONIC));
      }))
    kernel_symbols_changed_ = false;
}

void Drain::tell_clock() {
  const uint64_t monotonic = clock_ns(CLOCK_MONOTONIC), realtime = clock_ns(CLOCK_REALTIME);
  const auto offset = static_cast<int64_t>(realtime - monotonic);
  const bool due = clock_told_ns_ == 0 || monotonic - clock_told_ns_ >= kClockEveryNs ||
                   std::abs(offset - wall_offset_ns_) > kClockStepNs;
  if (!due) return;
  const bool told = publish(kRecordWords + 8, kFormatRecord, [&](schema::Record::Builder record) {
    auto out = record.initClockSync();
    out.setMonotonicNs(monotonic);
    out.setRealtimeNs(realtime);
    out.setBoottimeNs(clock_ns(CLOCK_BOOTTIME));
  });
  if (!told) return;
  wall_offset_ns_ = offset;
  clock_told_ns_ = monotonic;
}

}  // namespace splitprof
