// SPDX-License-Identifier: Apache-2.0
//
// Who may do what: the capabilities and the system calls of each of the sampler's processes. The sampler itself keeps
// only what BPF and perf need; the zygote and its openers only what opening targets needs. Called from main() before
// there are threads. A missing capability is no failure: it is named, with what is lost.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "shared/result.h"

namespace splitprof {

enum class Role {
  starting,  // the sampler while it loads and attaches: sampler, and SYS_ADMIN where the kernel demands it
  sampler,   // BPF, PERFMON
  zygote,    // SYS_PTRACE, DAC_READ_SEARCH, CHECKPOINT_RESTORE, SYSLOG: to hand them to openers
  opener,    // the same, but it cannot fork or kill
};

// When SYS_ADMIN is needed on this kernel.
enum class AdminNeed {
  never,
  while_starting,  // perf_event_paranoid 3; or older than 5.8 with unprivileged_bpf_disabled 0
  always,          // older than 5.8 with unprivileged_bpf_disabled 1 or 2: every map call would be EPERM
};

struct StartPrivileges {
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t held = 0;  // capabilities of capabilities.def that are there, as bits by number
  AdminNeed admin = AdminNeed::never;
  std::vector<std::string> notes;  // sentences to log: what is missing or unusual, what is lost, what mends it
};

// From root: becomes `user` (empty: splitprof-sampler if it exists, else uid and gid 61981) and keeps only capabilities
// of capabilities.def. From another uid (systemd's AmbientCapabilities=): keeps what is there. Raises RLIMIT_NOFILE to
// its hard limit, RLIMIT_MEMLOCK where it may, forbids core dumps and gaining privileges by execve. Bind a socket
// below /run before.
Result<StartPrivileges> start_privileges(const std::string& user = {});

// Gives up, for ever, every capability that `role` does not need.
Result<> drop_to(Role role, const StartPrivileges& start);

// From now on any system call outside the role's list ends the process (and is logged by the kernel). Filters add up:
// an opener is also under the zygote's.
Result<> install_seccomp(Role role);

// The set of a role, one line per capability, with what it is for and, where it is missing, what is lost.
std::string describe(Role role, const StartPrivileges& start);

}  // namespace splitprof
