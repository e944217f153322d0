// SPDX-License-Identifier: Apache-2.0
#include "sampler/perf_events.h"

#include <fcntl.h>
#include <kj/debug.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "sampler/limits.h"
#include "shared/log.h"

namespace splitprof {

std::vector<uint32_t> online_cpus() {
  const int raw = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
  if (raw < 0) return {0};
  const kj::AutoCloseFd fd(raw);
  char text[4096];
  const ssize_t length = read(fd, text, sizeof text);
  std::vector<uint32_t> cpus;
  // The kernel's list format: "0-3,8".
  for (const char *at = text, *end = text + std::max<ssize_t>(length, 0); at < end;) {
    uint32_t first = 0;
    auto [after, error] = std::from_chars(at, end, first);
    if (error != std::errc()) break;
    uint32_t last = first;
    if (after < end && *after == '-') after = std::from_chars(after + 1, end, last).ptr;
    for (uint32_t cpu = first; cpu <= last && cpus.size() < kMaxCpus; ++cpu) cpus.push_back(cpu);
    at = after < end && *after == ',' ? after + 1 : end;
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

void PerfEvents::configure(uint32_t hz, std::span<const uint32_t> cpus, bool idle) {
  events_.clear();
  hz_ = hz;
  idle_ = idle;
  wanted_.assign(cpus.begin(), cpus.end());
  follow_hotplug();
  KJ_REQUIRE(hz == 0 || !events_.empty(), "no CPU can be sampled: `splitprof check` says why");
}

void PerfEvents::follow_hotplug() {
  if (hz_ == 0) return;
  const auto online = online_cpus();
  std::erase_if(events_, [&](const auto& event) { return !std::ranges::binary_search(online, event.first); });
  for (uint32_t cpu : online) {
    const bool wanted = wanted_.empty() || std::ranges::find(wanted_, cpu) != wanted_.end();
    if (wanted && !events_.contains(cpu)) open(cpu);
  }
}

void PerfEvents::open(uint32_t cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = hz_;
  attributes.exclude_idle = !idle_;
  attributes.disabled = 1;
  const long raw = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (raw < 0) {
    log::warn("cannot sample cpu {}: perf_event_open: {}", cpu, strerror(errno));
    return;
  }
  kj::AutoCloseFd event(static_cast<int>(raw));
  // The ioctl and not a BPF link: it is older (4.1 against 5.15) and needs no further bpf() command.
  if (ioctl(event, PERF_EVENT_IOC_SET_BPF, program_) < 0 || ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0) {
    log::warn("cannot sample cpu {}: attaching the program: {}", cpu, strerror(errno));
    return;
  }
  events_.emplace(cpu, kj::mv(event));
}

}  // namespace splitprof
