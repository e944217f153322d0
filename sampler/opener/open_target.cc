// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/open_target.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>

namespace splitprof {
namespace {

constexpr uint64_t kNanosecondsPerTick = 10'000'000;  // USER_HZ is 100 on x86-64 and arm64 (asm-generic/param.h)
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
constexpr int kPathFlags = O_PATH | O_CLOEXEC;

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

bool is_component(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
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
  TargetFolder(int folder, Mounts& mounts) : folder_(folder), mounts_(mounts) {}

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

  enum class Owner { anybody, trusted };
  // Really opens a file that is so far only held by its path: a regular one, on a local file system, and, where that is
  // said, the very one that BPF saw.
  Opened open_checked(const kj::AutoCloseFd& path, Owner owner, const KernelIdentity* wanted = nullptr) const {
    struct statx status;
    if (statx(path, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
              STATX_TYPE | STATX_MODE | STATX_UID | STATX_INO | kStatxMountIdUnique, &status) != 0)
      return refuse(OpenFailure::failed, errno);
    if (!S_ISREG(status.stx_mode)) return refuse(OpenFailure::not_regular);
    if (owner == Owner::trusted && !owner_allowed(status)) return refuse(OpenFailure::wrong_owner);
    const auto mount = mounts_.find(folder_, path, status);
    if (wanted != nullptr && (wanted->inode != status.stx_ino || wanted->device != mount.device))
      return refuse(OpenFailure::other_program);
    if (!mount.local) return refuse(OpenFailure::foreign_file_system);
    Opened opened;
    opened.file = open_at(AT_FDCWD, ("/proc/self/fd/" + std::to_string(path.get())).c_str(), kReadFlags);
    return is_open(opened.file) ? std::move(opened) : refuse(OpenFailure::failed, errno);
  }

  Opened open_perf_map() const {
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
    return is_open(file) ? open_checked(file, Owner::trusted) : refuse(OpenFailure::failed, errno);
  }

  Opened open_debug_file(const OpenRequest& request) const {
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
    return open_checked(file, Owner::trusted);
  }

  // Where gdb looks, too ("Debugging Information in Separate Files" in its manual): beside the mapped file, in .debug/
  // there, and in the same folder below /usr/lib/debug, as the target sees them.
  Opened open_debug_link(const OpenRequest& request) const {
    const auto name = file_name(request);
    if (!name || !is_component(*name)) return refuse(OpenFailure::bad_request);
    // " (deleted)" at its end does not matter: only its folder counts.
    auto mapped = read_link(fmt::format("map_files/{:x}-{:x}", request.start, request.end));
    if (mapped.empty()) return refuse_by_errno();
    // Of a program in a chroot both are paths of ours.
    const auto root = read_link("root");
    if (root.size() > 1 && mapped.starts_with(root + "/")) mapped.erase(0, root.size());
    if (mapped[0] != '/') return refuse(OpenFailure::failed, ENOENT);
    const auto folder = mapped.substr(1, mapped.rfind('/'));  // empty, or with a slash at its end
    Opened last = refuse(OpenFailure::failed, ENOENT);
    for (const auto& [path, resolve] : {std::pair(folder + *name, uint64_t{RESOLVE_NO_SYMLINKS}),
                                        std::pair(folder + ".debug/" + *name, uint64_t{RESOLVE_NO_SYMLINKS}),
                                        std::pair("usr/lib/debug/" + folder + *name, uint64_t{0})}) {
      if ("/" + path == mapped) continue;
      const auto file = open_in_root(path, 0, resolve);
      if (!is_open(file)) {
        if (errno == ENOSYS) return refuse(OpenFailure::unsupported, errno);
        continue;
      }
      last = open_checked(file, Owner::trusted);
      if (last.failure == OpenFailure::none) return last;
    }
    return last;
  }

  Opened open_dwz_file(const OpenRequest& request) const {
    const auto name = file_name(request);
    if (!name) return refuse(OpenFailure::bad_request);
    const size_t slash = name->find('/');
    const bool good = slash == name->npos
                          ? is_component(*name)
                          : is_component(name->substr(0, slash)) && is_component(name->substr(slash + 1));
    if (!good) return refuse(OpenFailure::bad_request);
    const auto file = open_in_root("usr/lib/debug/.dwz/" + *name, 0, 0);
    if (!is_open(file)) return refuse(errno == ENOSYS ? OpenFailure::unsupported : OpenFailure::failed, errno);
    return open_checked(file, Owner::trusted);
  }

 private:
  // Empty: see errno.
  std::string read_link(const std::string& name) const {
    std::string path(PATH_MAX, '\0');
    const ssize_t length = readlinkat(folder_, name.c_str(), path.data(), path.size());
    path.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
    return path;
  }

  static std::optional<std::string> file_name(const OpenRequest& request) {
    if (request.file_name_bytes > kMaxFileNameBytes) return std::nullopt;
    return std::string(request.file_name, request.file_name_bytes);
  }

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

  int folder_;
  Mounts& mounts_;
};

Opened perform(const OpenRequest& request, int folder, const TargetFolder& target) {
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
    case OpenOperation::mapping: {
      const auto name = fmt::format("map_files/{:x}-{:x}", request.start, request.end);
      const auto path = open_at(folder, name.c_str(), kPathFlags);
      return is_open(path) ? target.open_checked(path, TargetFolder::Owner::anybody) : refuse_by_errno();
    }
    case OpenOperation::perf_map:
      return target.open_perf_map();
    case OpenOperation::debug_file:
      return target.open_debug_file(request);
    case OpenOperation::debug_link:
      return target.open_debug_link(request);
    case OpenOperation::dwz_file:
      return target.open_dwz_file(request);
    case OpenOperation::executable:      // see open_executable()
    case OpenOperation::kernel_symbols:  // about no target
      break;
  }
  return refuse(OpenFailure::bad_request);
}

// The program may live for a few milliseconds only, so this asks for no more than it must. Neither start time nor pidfd
// is looked at: the file has to be the one that BPF saw at the exec and found not denied, which says more than both,
// and it is as good when the process has ended meanwhile or is another one that runs the same.
Opened open_executable(const OpenRequest& request, int folder, const TargetFolder& target, const DenyList& deny) {
  const KernelIdentity& wanted = request.executable;
  if (std::find(deny.executables.begin(), deny.executables.end(), wanted) != deny.executables.end())
    return refuse(OpenFailure::denied_target);
  const auto path = open_at(folder, "exe", kPathFlags);
  if (!is_open(path)) return refuse(errno == ENOENT || errno == ESRCH ? OpenFailure::gone : OpenFailure::failed, errno);
  return target.open_checked(path, TargetFolder::Owner::anybody, &wanted);
}

}  // namespace

Opened open_target(const OpenRequest& request, const DenyList& deny, Mounts& mounts) {
  if (request.operation == OpenOperation::kernel_symbols) {
    Opened opened;
    opened.file = open_at(AT_FDCWD, "/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    return is_open(opened.file) ? std::move(opened) : refuse(OpenFailure::failed, errno);
  }
  // The folder stays that of one process, whoever gets the number afterwards.
  const auto folder = open_at(AT_FDCWD, fmt::format("/proc/{}", request.pid).c_str(), kPathFlags | O_DIRECTORY);
  if (!is_open(folder)) return refuse(errno == ENOENT ? OpenFailure::gone : OpenFailure::failed, errno);
  const TargetFolder target(folder, mounts);
  if (request.operation == OpenOperation::executable) return open_executable(request, folder, target, deny);

  const int raw_pidfd = static_cast<int>(syscall(SYS_pidfd_open, request.pid, 0));
  if (raw_pidfd < 0) return refuse(errno == ESRCH ? OpenFailure::gone : OpenFailure::failed, errno);
  const kj::AutoCloseFd pidfd(raw_pidfd);
  if (!target.started_at(request.start_time_ns)) return refuse(OpenFailure::gone);

  Opened opened = perform(request, folder, target);

  // It may have become a denied program since its sample; what was opened of the program before is silent by now.
  if (target.runs_one_of(deny.executable_ids)) return refuse(OpenFailure::denied_target);
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
