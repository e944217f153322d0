// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/open_target.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sampler/opener/mountinfo.h"

namespace splitprof {
namespace {

constexpr uint64_t kNanosecondsPerTick = 10'000'000;  // USER_HZ is 100 on x86-64 and arm64 (asm-generic/param.h)
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
constexpr int kPathFlags = O_PATH | O_CLOEXEC;

// File systems whose files are read without asking another machine or a process of a user.
constexpr const char* kLocalFileSystems[] = {"ext4", "xfs",  "btrfs", "overlay", "tmpfs", "squashfs", "erofs",
                                             "zfs",  "f2fs", "ext3",  "ext2",    "ramfs", "rootfs"};
// The same, as statfs names them. ext2, ext3 and ext4 share one number.
constexpr uint32_t kLocalMagics[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,    OVERLAYFS_SUPER_MAGIC,
                                     TMPFS_MAGIC,      SQUASHFS_MAGIC,  EROFS_SUPER_MAGIC_V1, 0x2fc12fc1 /* zfs */,
                                     F2FS_SUPER_MAGIC, RAMFS_MAGIC};

Opened refuse(OpenFailure failure, int error = 0) {
  Opened opened;
  opened.failure = failure;
  opened.error = error;
  return opened;
}

// What errno says about an open below /proc/PID: the process may have ended meanwhile.
Opened refuse_by_errno() {
  return refuse(errno == ESRCH ? OpenFailure::gone : OpenFailure::failed, errno);
}

kj::AutoCloseFd open_at(int folder, const char* name, int flags) {
  const int fd = openat(folder, name, flags);
  return fd < 0 ? kj::AutoCloseFd() : kj::AutoCloseFd(fd);
}

bool is_open(const kj::AutoCloseFd& fd) {
  return fd.get() >= 0;
}

// At most `limit` bytes of a file below /proc/PID; empty when there are none.
std::string read_text(int folder, const char* name, size_t limit) {
  const auto file = open_at(folder, name, O_RDONLY | O_CLOEXEC);
  std::string text;
  if (!is_open(file)) return text;
  text.resize(limit);
  size_t filled = 0;
  while (filled < limit) {
    const ssize_t got = read(file, text.data() + filled, limit - filled);
    if (got <= 0) break;
    filled += got;
  }
  text.resize(filled);
  return text;
}

class TargetFolder {
 public:
  explicit TargetFolder(int folder) : folder_(folder) {}

  bool started_at(uint64_t start_time_ns) const {
    return parse_start_ticks(read_text(folder_, "stat", 1024)) == start_time_ns / kNanosecondsPerTick;
  }

  bool runs_one_of(const std::vector<StatIdentity>& denied) const {
    if (denied.empty()) return false;
    struct statx status;
    const auto exe = open_at(folder_, "exe", kPathFlags);
    if (!is_open(exe) || statx(exe, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) return false;
    const StatIdentity id{.device = makedev(status.stx_dev_major, status.stx_dev_minor), .inode = status.stx_ino};
    return std::find(denied.begin(), denied.end(), id) != denied.end();
  }

  // Really opens a file that is so far only held by its path: a regular one, on a local file system.
  Opened open_checked(const kj::AutoCloseFd& path, const OpenerOptions& options, bool check_owner) const {
    struct statx status;
    if (statx(path, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_UID | STATX_NLINK,
              &status) != 0)
      return refuse(OpenFailure::failed, errno);
    if (!S_ISREG(status.stx_mode)) return refuse(OpenFailure::not_regular);
    if (check_owner && !owner_allowed(status)) return refuse(OpenFailure::wrong_owner);
    if (!is_local(path, options)) return refuse(OpenFailure::foreign_file_system);
    Opened opened;
    opened.file = open_at(AT_FDCWD, ("/proc/self/fd/" + std::to_string(path.get())).c_str(), kReadFlags);
    return is_open(opened.file) ? std::move(opened) : refuse(OpenFailure::failed, errno);
  }

  Opened open_perf_map(const OpenerOptions& options) const {
    const auto status = read_text(folder_, "status", 4096);
    // The last number is the process's own view of its id; there is one per nested namespace, at most 32.
    std::optional<uint32_t> pid;
    for (unsigned i = 0; i <= 32; ++i) {
      const auto number = parse_status_number(status, "NSpid", i);
      if (!number) break;
      pid = number;
    }
    if (!pid) return refuse(OpenFailure::gone);
    // Anybody may put a link into /tmp, so none is followed there.
    const auto tmp = open_in_root("tmp", O_DIRECTORY, 0);
    if (!is_open(tmp)) return refuse(errno == ENOSYS ? OpenFailure::unsupported : OpenFailure::failed, errno);
    const auto file = open_below(tmp, "perf-" + std::to_string(*pid) + ".map", 0, RESOLVE_NO_SYMLINKS);
    return is_open(file) ? open_checked(file, options, true) : refuse(OpenFailure::failed, errno);
  }

  Opened open_debug_file(const OpenRequest& request, const OpenerOptions& options) const {
    if (request.build_id_bytes < 2 || request.build_id_bytes > kMaxBuildIdBytes)
      return refuse(OpenFailure::bad_request);
    std::string path = "usr/lib/debug/.build-id/";
    for (size_t i = 0; i < request.build_id_bytes; ++i) {
      static constexpr char kDigits[] = "0123456789abcdef";
      path += {kDigits[request.build_id[i] >> 4], kDigits[request.build_id[i] & 15]};
      if (i == 0) path += '/';
    }
    const auto file = open_in_root(path + ".debug", 0, 0);
    if (!is_open(file)) return refuse(errno == ENOSYS ? OpenFailure::unsupported : OpenFailure::failed, errno);
    return open_checked(file, options, true);
  }

 private:
  // openat2 (Linux 5.6) is the only way to follow a path inside the target's root without being led out of it.
  static kj::AutoCloseFd open_below(int folder, const std::string& path, int flags, uint64_t resolve) {
    open_how how{};
    how.flags = kPathFlags | flags;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
    const int fd = static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
    return fd < 0 ? kj::AutoCloseFd() : kj::AutoCloseFd(fd);
  }

  kj::AutoCloseFd open_in_root(const std::string& path, int flags, uint64_t resolve) const {
    const auto root = open_at(folder_, "root", kPathFlags | O_DIRECTORY);
    return is_open(root) ? open_below(root, path, flags, resolve) : kj::AutoCloseFd();
  }

  // The file must be the target's own, or anybody's to read. A user who mounts or hard-links another's secret file to
  // a well-known name must not have it read for him.
  bool owner_allowed(const struct statx& status) const {
    const auto target_uid = parse_status_number(read_text(folder_, "status", 4096), "Uid", 1);  // effective
    if (!target_uid) return false;
    if (status.stx_uid == *target_uid) return true;
    return status.stx_uid == 0 && (status.stx_mode & S_IROTH) != 0;
  }

  bool is_local(int file, const OpenerOptions& options) const {
    const auto mount_id = mount_id_of(file);
    std::optional<Mount> mount;
    if (mount_id) {
      // The target's own list first; ours has what a target that was chrooted no longer sees.
      const auto target_mounts = open_at(folder_, "mountinfo", O_RDONLY | O_CLOEXEC);
      if (is_open(target_mounts)) mount = find_mount(target_mounts, *mount_id);
      const auto own_mounts =
          mount ? kj::AutoCloseFd() : open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
      if (is_open(own_mounts)) mount = find_mount(own_mounts, *mount_id);
    }
    if (mount)
      return std::find(std::begin(kLocalFileSystems), std::end(kLocalFileSystems), mount->type) !=
                 std::end(kLocalFileSystems) ||
             std::find(options.file_systems.begin(), options.file_systems.end(), mount->type) !=
                 options.file_systems.end();
    // In nobody's list: a memfd, or a mount of a third namespace. Asking the file system may hang; then we are killed.
    struct statfs status;
    if (fstatfs(file, &status) != 0) return false;
    return std::find(std::begin(kLocalMagics), std::end(kLocalMagics), static_cast<uint32_t>(status.f_type)) !=
           std::end(kLocalMagics);
  }

  int folder_;
};

Opened perform(const OpenRequest& request, int folder, const OpenerOptions& options) {
  const TargetFolder target(folder);
  Opened opened;
  switch (request.operation) {
    case OpenOperation::describe: {
      opened.texts[0] = read_text(folder, "cgroup", kMaxDescriptionBytes);
      opened.texts[1] = read_text(folder, "cmdline", kMaxDescriptionBytes);
      opened.texts[2].resize(kMaxDescriptionBytes);
      const ssize_t length = readlinkat(folder, "exe", opened.texts[2].data(), kMaxDescriptionBytes);
      opened.texts[2].resize(std::max<ssize_t>(length, 0));  // kernel threads have none
      return opened;
    }
    case OpenOperation::environment:
      opened.texts[0] = read_text(folder, "environ", kMaxEnvironmentBytes);
      return opened;
    case OpenOperation::mappings:
    case OpenOperation::memory:
      opened.file = open_at(folder, request.operation == OpenOperation::memory ? "mem" : "maps", O_RDONLY | O_CLOEXEC);
      return is_open(opened.file) ? std::move(opened) : refuse_by_errno();
    case OpenOperation::mapping:
    case OpenOperation::executable: {
      const auto name = request.operation == OpenOperation::executable
                            ? std::string("exe")
                            : fmt::format("map_files/{:x}-{:x}", request.start, request.end);
      const auto path = open_at(folder, name.c_str(), kPathFlags);
      return is_open(path) ? target.open_checked(path, options, false) : refuse_by_errno();
    }
    case OpenOperation::perf_map:
      return target.open_perf_map(options);
    case OpenOperation::debug_file:
      return target.open_debug_file(request, options);
    case OpenOperation::kernel_symbols:
      break;  // about no target
  }
  return refuse(OpenFailure::bad_request);
}

}  // namespace

Opened open_target(const OpenRequest& request, const OpenerOptions& options) {
  if (request.operation == OpenOperation::kernel_symbols) {
    Opened opened;
    opened.file = open_at(AT_FDCWD, "/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    return is_open(opened.file) ? std::move(opened) : refuse(OpenFailure::failed, errno);
  }
  const int raw_pidfd = static_cast<int>(syscall(SYS_pidfd_open, request.pid, 0));
  if (raw_pidfd < 0) return refuse(errno == ESRCH ? OpenFailure::gone : OpenFailure::failed, errno);
  const kj::AutoCloseFd pidfd(raw_pidfd);
  // The folder stays that of one process, whoever gets the number afterwards.
  const auto folder = open_at(AT_FDCWD, fmt::format("/proc/{}", request.pid).c_str(), kPathFlags | O_DIRECTORY);
  if (!is_open(folder)) return refuse(errno == ENOENT ? OpenFailure::gone : OpenFailure::failed, errno);
  if (!TargetFolder(folder).started_at(request.start_time_ns)) return refuse(OpenFailure::gone);

  Opened opened = perform(request, folder, options);

  // It may have become a denied program since its sample; what was opened of the program before is silent by now.
  if (TargetFolder(folder).runs_one_of(options.deny.executable_ids)) return refuse(OpenFailure::denied_target);
  pollfd ended{.fd = pidfd, .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, 0) != 0) return refuse(OpenFailure::gone);
  return opened;
}

std::optional<uint64_t> parse_start_ticks(std::string_view stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  // A blank stands before field 3 and before each one after it.
  for (int field = 2; field < 22; ++field) {
    const size_t blank = stat.find(' ');
    if (blank == stat.npos) return std::nullopt;
    stat.remove_prefix(blank + 1);
  }
  uint64_t ticks = 0;
  const auto [rest, error] = std::from_chars(stat.data(), stat.data() + stat.size(), ticks);
  if (error != std::errc() || rest == stat.data() + stat.size() || *rest != ' ') return std::nullopt;
  return ticks;
}

std::optional<uint32_t> parse_status_number(std::string_view status, std::string_view name, unsigned index) {
  // The kernel escapes newlines in the one line that a process chooses (Name), so this is the line.
  const size_t line = status.find(fmt::format("\n{}:\t", name));
  if (line == status.npos) return std::nullopt;
  status.remove_prefix(line + name.size() + 3);
  status = status.substr(0, status.find('\n'));
  for (; index > 0; --index) {
    const size_t tab = status.find('\t');
    if (tab == status.npos) return std::nullopt;
    status.remove_prefix(tab + 1);
  }
  uint32_t number = 0;
  const auto [rest, error] = std::from_chars(status.data(), status.data() + status.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

}  // namespace splitprof
