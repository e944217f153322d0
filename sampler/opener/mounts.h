// SPDX-License-Identifier: Apache-2.0
//
// Whether a file is on a local file system, and on which of the kernel's devices: found by its mount, so that the file
// system itself, which might never answer, is not asked. Remembers mounts by the number that Linux 6.8 never gives
// twice; a mount's file system does not change, so what was found holds for ever. One per opener.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace splitprof {

constexpr uint32_t kStatxMountIdUnique = 0x4000;  // STATX_MNT_ID_UNIQUE of linux/stat.h, Linux 6.8

class Mounts {
 public:
  // `more`: types of file systems to take for local besides the known ones; longer-lived than this.
  explicit Mounts(const std::vector<std::string>& more) : more_(more) {}

  struct Answer {
    bool local = false;
    uint64_t device = 0;  // of the super block in the kernel's encoding, as in KernelIdentity
  };
  // `folder` is the /proc/PID of the file's process; `status` what statx said of the file, asked with
  // kStatxMountIdUnique.
  Answer find(int folder, int file, const struct statx& status);

 private:
  Answer look_up(int folder, int file, const struct statx& status, bool& lasting) const;

  struct Known {
    uint64_t unique_id = 0;  // 0: free
    Answer answer;
  };
  const std::vector<std::string>& more_;
  std::array<Known, 64> known_;  // programs come from fewer mounts than that; the oldest makes room
  size_t next_ = 0;
};

}  // namespace splitprof
