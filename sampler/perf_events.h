// SPDX-License-Identifier: Apache-2.0
//
// One cpu-clock event per CPU, each running the sampling program. Opened when a session configures a rate, closed when
// it ends or sets 0. Belongs to the sampler's one thread.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace splitprof {

class PerfEvents {
 public:
  // `program`: descriptor of a loaded perf event program; stays the caller's.
  explicit PerfEvents(int program) : program_(program) {}

  // Samples `cpus` (empty: all online) `hz` times a second of busy time; 0 stops. Throws kj::Exception when not even
  // one CPU can be sampled.
  void configure(uint32_t hz, std::span<const uint32_t> cpus, bool idle);
  // Opens and closes events after CPUs came or went; cheap when none did.
  void follow_hotplug();
  size_t active() const { return events_.size(); }

 private:
  void open(uint32_t cpu);

  int program_;
  uint32_t hz_ = 0;
  bool idle_ = false;
  std::vector<uint32_t> wanted_;  // empty: all
  std::map<uint32_t, kj::AutoCloseFd> events_;
};

// The CPUs of /sys/devices/system/cpu/online, in ascending order.
std::vector<uint32_t> online_cpus();

}  // namespace splitprof
