// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/deny.h"

#include <fcntl.h>
#include <kj/io.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "sampler/opener/mountinfo.h"

namespace splitprof {
namespace {

// The kernel keeps a device as 12 bits of major and 20 of minor (MKDEV in include/linux/kdev_t.h, Linux 6.1).
constexpr unsigned kKernelMinorBits = 20;

Result<> add_executable(DenyList& list, const std::string& path) {
  const int opened = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (opened < 0) return fail(Errc::not_found, "--deny exe={}: {}", path, strerror(errno));
  const kj::AutoCloseFd file(opened);
  struct stat status;
  if (fstat(file, &status) != 0) return fail(Errc::io, "--deny exe={}: {}", path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(Errc::malformed, "--deny exe={}: not a file", path);
  // st_dev is not the super block's device on btrfs and overlayfs; mountinfo has that one, and so has BPF.
  const int mountinfo_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (mountinfo_fd < 0) return fail(Errc::io, "--deny exe={}: /proc/self/mountinfo: {}", path, strerror(errno));
  const kj::AutoCloseFd mountinfo(mountinfo_fd);
  const auto mount_id = mount_id_of(file);
  const auto mount = mount_id ? find_mount(mountinfo, *mount_id) : std::nullopt;
  const uint64_t major = mount ? mount->major : gnu_dev_major(status.st_dev);
  const uint64_t minor = mount ? mount->minor : gnu_dev_minor(status.st_dev);
  list.executables.push_back({.inode = status.st_ino, .device = major << kKernelMinorBits | minor});
  list.executable_ids.push_back({.device = status.st_dev, .inode = status.st_ino});
  return Ok{};
}

Result<> add_cgroup(DenyList& list, const std::string& path) {
  // On a hybrid layout the unified hierarchy has a folder of its own.
  const std::string candidates[] = {path, "/sys/fs/cgroup/unified" + path, "/sys/fs/cgroup" + path};
  for (const auto& candidate : candidates) {
    struct stat status;
    if (!path.starts_with('/') || !candidate.starts_with("/sys/fs/cgroup") || stat(candidate.c_str(), &status) != 0)
      continue;
    if (!S_ISDIR(status.st_mode)) continue;
    list.cgroup_ids.push_back(status.st_ino);  // kernfs: the inode number is the id, on 64-bit machines
    return Ok{};
  }
  return fail(Errc::not_found, "--deny cgroup={}: no such control group", path);
}

}  // namespace

Result<> add_deny_rule(DenyList& list, std::string_view rule) {
  const size_t equals = rule.find('=');
  if (equals == rule.npos) return fail(Errc::malformed, "--deny {}: expected exe=PATH, uid=N or cgroup=PATH", rule);
  const auto kind = rule.substr(0, equals);
  const std::string value(rule.substr(equals + 1));
  if (list.executables.size() >= kMaxDenyRules || list.uids.size() >= kMaxDenyRules ||
      list.cgroup_ids.size() >= kMaxDenyRules)
    return fail(Errc::too_large, "--deny: more than {} rules of a kind", kMaxDenyRules);
  if (kind == "exe") return add_executable(list, value);
  if (kind == "cgroup") return add_cgroup(list, value);
  if (kind == "uid") {
    uint32_t uid = 0;
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), uid);
    if (error != std::errc() || rest != value.data() + value.size())
      return fail(Errc::malformed, "--deny uid={}: not a number", value);
    list.uids.push_back(uid);
    return Ok{};
  }
  return fail(Errc::malformed, "--deny {}: expected exe=PATH, uid=N or cgroup=PATH", rule);
}

}  // namespace splitprof
