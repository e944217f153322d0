// SPDX-License-Identifier: Apache-2.0
//
// Which file system a descriptor is on, without asking that file system: it might be one that never answers. The mount
// id of the descriptor is looked up in a mountinfo file, of which only the numbers and the type's name are read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace splitprof {

struct MountLine {
  uint32_t mount_id = 0;
  uint32_t major = 0, minor = 0;  // of the super block, as the kernel has it
  std::string_view type;          // "ext4", "fuse.sshfs"; at most kMaxFileSystemTypeBytes
};
constexpr size_t kMaxFileSystemTypeBytes = 64;

// One line of /proc/PID/mountinfo without its newline (format: proc(5)). Paths in it are the target's: skipped.
std::optional<MountLine> parse_mountinfo_line(std::string_view line);

struct Mount {
  uint32_t major = 0, minor = 0;
  std::string type;
};

// The mount of that id in an open mountinfo; empty when it is not there (within the first 8 MiB).
std::optional<Mount> find_mount(int mountinfo_fd, uint32_t mount_id);

// The id of the mount that one of this process's descriptors is on.
std::optional<uint32_t> mount_id_of(int fd);

}  // namespace splitprof
