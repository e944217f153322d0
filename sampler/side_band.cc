// SPDX-License-Identifier: Apache-2.0
#include "sampler/side_band.h"

#include <kj/debug.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>

#include "sampler/perf_events.h"
#include "shared/log.h"

namespace splitprof {
namespace {

// 256 KiB a CPU: half of perf_event_mlock_kb's default of 516, beyond which CAP_IPC_LOCK would be needed.
constexpr size_t kRingBytes = 256 * 1024;
constexpr size_t kPageBytes = 4096;

// What follows each record, by sample_id_all (perf_event_open(2), PERF_SAMPLE_TID | TIME | CPU).
struct SampleId {
  uint32_t pid, tid;
  uint64_t time;
  uint32_t cpu, reserved;
};

int open_event(uint32_t cpu, bool kernel_symbols) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
  attributes.sample_id_all = 1;
  attributes.mmap = 1;  // executable mappings only
  attributes.mmap2 = 1;
  attributes.comm = 1;
  attributes.comm_exec = 1;
  attributes.task = 1;
  attributes.ksymbol = kernel_symbols;  // Linux 5.1; all of them come to one CPU's event
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_MONOTONIC;  // the clock of bpf_ktime_get_ns
  attributes.watermark = 1;
  attributes.wakeup_watermark = kRingBytes;  // never: it is drained by time
  return static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

// A record is the kernel's own, but its end is found by lengths: read through one checked cursor all the same.
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  template <typename T>
  T read() {
    T value{};
    if (bytes_.size() < sizeof value) {
      failed_ = true;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  std::string_view rest_until_zero() const {
    const auto* text = reinterpret_cast<const char*>(bytes_.data());
    return {text, strnlen(text, bytes_.size())};
  }
  bool failed() const { return failed_; }

 private:
  std::span<const uint8_t> bytes_;
  bool failed_ = false;
};

}  // namespace

SideBand::SideBand() {
  for (uint32_t cpu : online_cpus()) {
    int raw = open_event(cpu, true);
    if (raw < 0) raw = open_event(cpu, false);
    if (raw < 0) {
      log::warn("cannot watch processes on cpu {}: perf_event_open: {}", cpu, strerror(errno));
      continue;
    }
    kj::AutoCloseFd event(raw);
    void* memory = mmap(nullptr, kPageBytes + kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
    if (memory == MAP_FAILED) {
      log::warn("cannot watch processes on cpu {}: mmap of {} KiB: {} (kernel.perf_event_mlock_kb is the limit)", cpu,
                kRingBytes / 1024, strerror(errno));
      continue;
    }
    cpus_.push_back({kj::mv(event), memory, cpu});
  }
}

SideBand::~SideBand() {
  for (Cpu& cpu : cpus_) munmap(cpu.memory, kPageBytes + kRingBytes);
}

const SideBandEvent* SideBand::next(Cpu& cpu) {
  auto* page = static_cast<perf_event_mmap_page*>(cpu.memory);
  const auto* data = static_cast<const uint8_t*>(cpu.memory) + kPageBytes;
  std::atomic_ref<__u64> head(page->data_head), tail(page->data_tail);
  while (true) {
    const uint64_t position = tail.load(std::memory_order_relaxed);
    if (position == head.load(std::memory_order_acquire)) return nullptr;
    auto copy = [&](size_t offset, void* to, size_t bytes) {
      const size_t at = (position + offset) % kRingBytes;
      const size_t first = std::min(bytes, kRingBytes - at);
      std::memcpy(to, data + at, first);
      std::memcpy(static_cast<uint8_t*>(to) + first, data, bytes - first);
    };
    perf_event_header header;
    copy(0, &header, sizeof header);
    KJ_REQUIRE(header.size >= sizeof header, "a perf record without a length");
    record_.resize(header.size - sizeof header);
    copy(sizeof header, record_.data(), record_.size());
    tail.store(position + header.size, std::memory_order_release);
    if (record_.size() < sizeof(SampleId)) continue;

    SampleId id;
    std::memcpy(&id, record_.data() + record_.size() - sizeof id, sizeof id);
    Cursor body(std::span<const uint8_t>(record_).first(record_.size() - sizeof id));
    event_.time_ns = id.time;
    event_.cpu = cpu.number;
    event_.pid = id.pid;
    event_.tid = id.tid;
    switch (header.type) {
      case PERF_RECORD_MMAP2: {
        SideBandMapping mapping{};
        event_.pid = body.read<uint32_t>();
        event_.tid = body.read<uint32_t>();
        mapping.start = body.read<uint64_t>();
        mapping.length = body.read<uint64_t>();
        mapping.file_offset = body.read<uint64_t>();
        mapping.device_major = body.read<uint32_t>();
        mapping.device_minor = body.read<uint32_t>();
        mapping.inode = body.read<uint64_t>();
        mapping.inode_generation = body.read<uint64_t>();
        body.read<uint64_t>();  // protection and flags
        mapping.path = body.rest_until_zero();
        event_.what = mapping;
        break;
      }
      case PERF_RECORD_COMM:
        event_.pid = body.read<uint32_t>();
        event_.tid = body.read<uint32_t>();
        event_.what = SideBandComm{body.rest_until_zero(), (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0};
        break;
      case PERF_RECORD_FORK:
      case PERF_RECORD_EXIT: {
        event_.pid = body.read<uint32_t>();
        const auto parent_pid = body.read<uint32_t>();
        event_.tid = body.read<uint32_t>();
        const auto parent_tid = body.read<uint32_t>();
        if (header.type == PERF_RECORD_FORK)
          event_.what = SideBandFork{parent_pid, parent_tid};
        else
          event_.what = SideBandExit{};
        break;
      }
      case PERF_RECORD_LOST:
        body.read<uint64_t>();
        event_.what = SideBandLost{body.read<uint64_t>()};
        break;
      case PERF_RECORD_KSYMBOL:
        event_.what = SideBandKernelSymbols{};
        break;
      default:
        continue;
    }
    if (!body.failed()) return &event_;
  }
}

}  // namespace splitprof
