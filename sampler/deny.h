// SPDX-License-Identifier: Apache-2.0
//
// The deny-list of the command line: programs, users and control groups that are never looked at. Made once at start,
// while paths can still be resolved; BPF gets the numbers, openers check executables once more.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "shared/result.h"

namespace splitprof {

// A file as statx names it. On btrfs and overlayfs the device differs from the kernel's own (struct sp_deny_exe).
struct StatIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const StatIdentity&) const = default;
};

struct DenyList {
  std::vector<sp_deny_exe> executables;      // as BPF sees them
  std::vector<StatIdentity> executable_ids;  // the same files as openers see them
  std::vector<uint32_t> uids;
  std::vector<uint64_t> cgroup_ids;  // of the unified hierarchy: these groups themselves, not those below them
};

// Adds one rule: `exe=PATH`, `uid=N` or `cgroup=PATH` (below /sys/fs/cgroup, or as in /proc/PID/cgroup).
Result<> add_deny_rule(DenyList& list, std::string_view rule);

}  // namespace splitprof
