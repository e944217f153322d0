// SPDX-License-Identifier: Apache-2.0
#include "sampler/targets.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "shared/check.h"

namespace splitprof {
namespace {

kj::AutoCloseFd open_pidfd(uint32_t pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));  // close-on-exec by itself
  return fd < 0 ? kj::AutoCloseFd() : kj::AutoCloseFd(fd);
}

// A pidfd is readable once the process has ended. Whether it is the right process, the opener finds out: it compares
// start times.
bool alive(int pidfd) {
  pollfd request{.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&request, 1, 0) == 0;
}

}  // namespace

Targets::Targets(size_t capacity, SamplerCounters& counters)
    : capacity_(std::clamp<size_t>(capacity, 1, kMaxTargets)), counters_(counters) {
  // Starts anywhere, so that a key of an earlier session is no key of this one; 0 means none.
  CHECK(getrandom(&next_key_, sizeof(next_key_), 0) == sizeof(next_key_));
  next_key_ |= 1;
}

uint64_t Targets::key_for(uint32_t pid, uint64_t start_time_ns, bool denied) {
  const auto known = by_process_.find({pid, start_time_ns});
  if (known == by_process_.end()) return add(pid, start_time_ns, denied);
  targets_.splice(targets_.begin(), targets_, known->second);
  known->second->target.denied |= denied;
  return known->second->target.key;
}

uint64_t Targets::exec(uint32_t pid, uint64_t start_time_ns, bool denied) {
  if (const auto known = by_process_.find({pid, start_time_ns}); known != by_process_.end()) {
    counters_.add(SamplerCounter::targets_ended);
    remove(known->second);
  }
  return add(pid, start_time_ns, denied);
}

bool Targets::denied(uint64_t key) const {
  const auto known = by_key_.find(key);
  return known != by_key_.end() && known->second->target.denied;
}

std::optional<Target> Targets::find(uint64_t key) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return std::nullopt;
  if (alive(known->second->pidfd)) return known->second->target;
  counters_.add(SamplerCounter::targets_ended);
  remove(known->second);
  return std::nullopt;
}

uint64_t Targets::add(uint32_t pid, uint64_t start_time_ns, bool denied) {
  kj::AutoCloseFd pidfd = open_pidfd(pid);
  if (pidfd.get() < 0) {
    counters_.add(SamplerCounter::targets_gone);
    return 0;
  }
  if (targets_.size() >= capacity_) {
    counters_.add(SamplerCounter::targets_evicted);
    remove(std::prev(targets_.end()));
  }
  while (next_key_ == 0 || by_key_.contains(next_key_)) ++next_key_;
  const Target target{.key = next_key_++, .pid = pid, .start_time_ns = start_time_ns, .denied = denied};
  targets_.push_front({.target = target, .pidfd = kj::mv(pidfd)});
  by_process_.emplace(Identity{pid, start_time_ns}, targets_.begin());
  by_key_.emplace(target.key, targets_.begin());
  counters_.add(SamplerCounter::targets_added);
  return target.key;
}

void Targets::remove(Entries::iterator entry) {
  by_process_.erase({entry->target.pid, entry->target.start_time_ns});
  by_key_.erase(entry->target.key);
  targets_.erase(entry);
}

size_t target_capacity(size_t reserved) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= reserved) return 1;
  return std::min<size_t>(limit.rlim_cur - reserved, kMaxTargets);
}

}  // namespace splitprof
