// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/mounts.h"

#include <fcntl.h>
#include <kj/io.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <optional>

#include "sampler/opener/mountinfo.h"

namespace splitprof {
namespace {

// File systems whose files are read without asking another machine or a process of a user.
constexpr const char* kLocalFileSystems[] = {"ext4", "xfs",  "btrfs", "overlay", "tmpfs", "squashfs", "erofs",
                                             "zfs",  "f2fs", "ext3",  "ext2",    "ramfs", "rootfs"};
// The same, as statfs names them. ext2, ext3 and ext4 share one number.
constexpr uint32_t kLocalMagics[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,    OVERLAYFS_SUPER_MAGIC,
                                     TMPFS_MAGIC,      SQUASHFS_MAGIC,  EROFS_SUPER_MAGIC_V1, 0x2fc12fc1 /* zfs */,
                                     F2FS_SUPER_MAGIC, RAMFS_MAGIC};

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
  return std::find(std::begin(list), std::end(list), value) != std::end(list);
}

// The kernel keeps a device as 12 bits of major and 20 of minor (MKDEV in include/linux/kdev_t.h, Linux 6.1).
uint64_t kernel_device(uint64_t major, uint64_t minor) {
  return major << 20 | minor;
}

std::optional<Mount> find_in(int folder, const char* list, uint32_t mount_id) {
  const int fd = openat(folder, list, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const kj::AutoCloseFd closer(fd);
  return find_mount(fd, mount_id);
}

}  // namespace

Mounts::Answer Mounts::find(int folder, int file, const struct statx& status) {
  const uint64_t unique_id = (status.stx_mask & kStatxMountIdUnique) != 0 ? status.stx_mnt_id : 0;
  if (unique_id != 0)
    for (const Known& known : known_)
      if (known.unique_id == unique_id) return known.answer;
  bool lasting = false;
  const Answer answer = look_up(folder, file, status, lasting);
  if (unique_id != 0 && lasting) {
    known_[next_] = {.unique_id = unique_id, .answer = answer};
    next_ = (next_ + 1) % known_.size();
  }
  return answer;
}

Mounts::Answer Mounts::look_up(int folder, int file, const struct statx& status, bool& lasting) const {
  // `file` holds the mount, so its ordinary id is nobody else's for now.
  if (const auto mount_id = mount_id_of(file)) {
    // The target's own list first; ours has what a target that was chrooted no longer sees.
    auto mount = find_in(folder, "mountinfo", *mount_id);
    if (!mount) mount = find_in(AT_FDCWD, "/proc/self/mountinfo", *mount_id);
    if (mount) {
      lasting = true;
      return {.local = contains(kLocalFileSystems, mount->type) || contains(more_, mount->type),
              .device = kernel_device(mount->major, mount->minor)};
    }
  }
  // In nobody's list: a memfd, or a mount of a third namespace. Asking the file system may hang; then we are killed.
  struct statfs system;
  return {.local = fstatfs(file, &system) == 0 && contains(kLocalMagics, static_cast<uint32_t>(system.f_type)),
          .device = kernel_device(status.stx_dev_major, status.stx_dev_minor)};
}

}  // namespace splitprof
