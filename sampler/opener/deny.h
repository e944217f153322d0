// SPDX-License-Identifier: Apache-2.0
//
// The deny-list of the command line: programs, users and control groups that are never looked at. Made once at start,
// while paths can still be resolved; BPF gets the numbers, openers check executables once more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace splitprof {

constexpr size_t kMaxDenyRules = 256;  // of each kind: what BPF's maps hold

// A file as statx names it. On btrfs and overlayfs the device differs from the kernel's own.
struct StatIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const StatIdentity&) const = default;
};

// A file as BPF sees it: the super block's device in the kernel's encoding, major << 20 | minor.
struct KernelIdentity {
  uint64_t inode = 0;
  uint64_t device = 0;
  bool operator==(const KernelIdentity&) const = default;
};

struct DenyList {
  std::vector<KernelIdentity> executables;   // as BPF sees them
  std::vector<StatIdentity> executable_ids;  // the same files as openers see them
  std::vector<uint32_t> uids;
  std::vector<uint64_t> cgroup_ids;  // of the unified hierarchy: these groups themselves, not those below them
};

// Adds one rule: `exe=PATH`, `uid=N` or `cgroup=PATH` (below /sys/fs/cgroup, or as in /proc/PID/cgroup).
Result<> add_deny_rule(DenyList& list, std::string_view rule);

}  // namespace splitprof
