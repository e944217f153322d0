// SPDX-License-Identifier: Apache-2.0
//
// What this host is and allows, as far as profiling depends on it: read from /proc and /sys, and tried where only
// trying tells. Facts only; judgement.h says what follows from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace splitprof {

struct KernelVersion {
  uint32_t major = 0, minor = 0, patch = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

// "6.1.0-18-amd64" is 6.1.0: Debian's release string hides the patch level, which `version_string` then shows.
std::optional<KernelVersion> parse_kernel_version(const std::string& release, const std::string& version_string);

struct HostFacts {
  std::string release, version_string, machine;  // uname
  std::optional<KernelVersion> kernel;
  bool has_btf = false;
  uint64_t capabilities = 0;  // effective set, as bits by number
  uint64_t bounding_set = 0;  // what an execve could still give
  bool is_root = false;
  std::optional<int> perf_event_paranoid, kptr_restrict, unprivileged_bpf_disabled, yama_ptrace_scope;
  std::string lockdown;          // "none", "integrity", "confidentiality"; empty: not there
  uint64_t memlock_bytes = 0;    // RLIMIT_MEMLOCK, soft; UINT64_MAX: unlimited
  uint64_t open_files = 0;       // RLIMIT_NOFILE, hard
  int landlock_abi = 0;          // 0: none
  bool unified_cgroups = false;  // cgroup v2 at /sys/fs/cgroup
  bool hybrid_cgroups = false;   // cgroup v1, with v2 beside it
  std::optional<bool> host_pid_namespace;
  int bpf_errno = 0;   // of making a map; 0: it can be made
  int perf_errno = 0;  // of opening a sampling event on a CPU; 0: it can be opened
};

HostFacts read_host_facts();

}  // namespace splitprof
