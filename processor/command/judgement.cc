// SPDX-License-Identifier: Apache-2.0
#include "processor/command/judgement.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

namespace splitprof {
namespace {

using Level = Finding::Level;

constexpr uint32_t kFirstTestedMinor = 10;  // of Linux 5

bool older(const HostFacts& facts, uint32_t major, uint32_t minor) {
  return facts.kernel && *facts.kernel < KernelVersion{major, minor, 0};
}

bool has_capability(const HostFacts& facts, int number) {
  return (facts.capabilities >> number & 1) != 0;
}

Finding judge_kernel(const HostFacts& facts) {
  Finding finding{.what = "kernel", .found = facts.release};
  if (!facts.kernel)
    return {Level::warn, "kernel", facts.release, "the version cannot be read: nothing about it was checked", ""};
  if (older(facts, 5, 4))
    return {Level::fail, "kernel", facts.release, "needs Linux 5.4 (arm64: 5.5) or newer", "install a newer kernel"};
  if (may_freeze(*facts.kernel))
    return {Level::fail, "kernel", facts.release,
            "on this version a read of user memory in the sampling interrupt can freeze the machine",
            "update to 6.1.36, 6.3.10, 6.4 or newer"};
  if (older(facts, 5, 17))
    return {Level::fail, "kernel", facts.release,
            "stacks are walked with bpf_loop, which came with Linux 5.17; the driver for older ones does not exist yet",
            "install a newer kernel"};
  if (older(facts, 5, kFirstTestedMinor)) {
    finding.level = Level::warn;
    finding.cost = "this version has never been tested";
  }
  return finding;
}

Finding judge_machine(const HostFacts& facts) {
  if (facts.machine == "x86_64") return {Level::ok, "machine", facts.machine, "", ""};
  if (facts.machine == "aarch64") return {Level::warn, "machine", facts.machine, "arm64 is not tested yet", ""};
  return {Level::fail, "machine", facts.machine, "only x86-64 and arm64 are supported", ""};
}

Finding judge_btf(const HostFacts& facts) {
  if (facts.has_btf) return {Level::ok, "BTF", "/sys/kernel/btf/vmlinux", "", ""};
  return {Level::fail, "BTF", "no /sys/kernel/btf/vmlinux",
          "the BPF programs cannot be fitted to this kernel's structures",
          "use a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian's and all other common ones have it)"};
}

Finding judge_bpf(const HostFacts& facts) {
  if (facts.bpf_errno == 0) return {Level::ok, "bpf()", "a map can be made", "", ""};
  const std::string found = fmt::format("making a map fails: {}", std::strerror(facts.bpf_errno));
  if (!facts.is_root && facts.bpf_errno == EPERM)
    return {Level::fail, "bpf()", found, "nothing can be loaded", "run it as root: sudo splitprof …"};
  if (older(facts, 5, 11) && facts.memlock_bytes != UINT64_MAX)
    return {Level::fail, "bpf()", found, "before Linux 5.11 BPF memory counts as locked memory",
            "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit"};
  return {Level::fail, "bpf()", found, "nothing can be loaded; in a container its seccomp profile may be the cause",
          "--cap-add BPF,PERFMON and a seccomp profile that allows bpf and perf_event_open"};
}

Finding judge_perf(const HostFacts& facts) {
  const int paranoid = facts.perf_event_paranoid.value_or(-1);
  const std::string found = fmt::format("perf_event_paranoid {}", paranoid);
  if (facts.perf_errno != 0)
    return {Level::fail, "perf events", fmt::format("{}, {}", found, std::strerror(facts.perf_errno)),
            "no CPU can be sampled",
            facts.is_root ? "allow perf_event_open in the container's seccomp profile"
                          : "run it as root: sudo splitprof …"};
  if (paranoid >= 3)
    return {Level::warn, "perf events", found,
            "CAP_PERFMON is not enough: the sampler keeps CAP_SYS_ADMIN while it starts, and CPUs that come online "
            "later are not sampled",
            "sysctl -w kernel.perf_event_paranoid=2"};
  return {Level::ok, "perf events", found, "", ""};
}

Finding judge_capability(const HostFacts& facts, const char* name, int number, const char* use, const char* lost,
                         const char* since, bool needed) {
  const std::string what = fmt::format("CAP_{}", name);
  if (has_capability(facts, number)) return {Level::ok, what, use, "", ""};
  unsigned major = 0, minor = 0;
  std::sscanf(since, "%u.%u", &major, &minor);
  if (older(facts, major, minor))
    return {Level::warn, what, fmt::format("came with Linux {}", since), "CAP_SYS_ADMIN is needed in its place", ""};
  const bool gone_for_good = (facts.bounding_set >> number & 1) == 0;
  return {needed ? Level::fail : Level::warn, what, gone_for_good ? "not in the bounding set" : "not held",
          fmt::format("lost: {}", lost),
          facts.is_root
              ? fmt::format("--cap-add {} for the container, or AmbientCapabilities=CAP_{} in the unit", name, name)
              : "run it as root: sudo splitprof …"};
}

std::string upper(std::string text) {
  for (char& letter : text)
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  return text;
}

void judge_capabilities(const HostFacts& facts, std::vector<Finding>& findings) {
  enum { starting, sampler, opener };
#define SP_CAPABILITY(name, number, since, holder, use, lost) \
  if (holder != starting)                                     \
    findings.push_back(judge_capability(facts, upper(#name).c_str(), number, use, lost, since, holder == sampler));
#include "sampler/privileges/capabilities.def"
#undef SP_CAPABILITY
}

Finding judge_kptr_restrict(const HostFacts& facts) {
  const int value = facts.kptr_restrict.value_or(0);
  if (value < 2) return {Level::ok, "kernel addresses", fmt::format("kptr_restrict {}", value), "", ""};
  return {Level::warn, "kernel addresses", fmt::format("kptr_restrict {}", value),
          "kernel frames stay without names, for root too", "sysctl -w kernel.kptr_restrict=1"};
}

Finding judge_unprivileged_bpf(const HostFacts& facts) {
  const int value = facts.unprivileged_bpf_disabled.value_or(0);
  const std::string found = fmt::format("unprivileged_bpf_disabled {}", value);
  if (older(facts, 5, 8) && value != 0)
    return {Level::warn, "BPF for others", found,
            "before Linux 5.8 every map call needs CAP_SYS_ADMIN then: the sampler keeps it behind its seccomp filter",
            "sysctl -w kernel.unprivileged_bpf_disabled=0 (at boot), or a newer kernel"};
  return {Level::ok, "BPF for others", found, "", ""};
}

Finding judge_memlock(const HostFacts& facts) {
  const std::string found =
      facts.memlock_bytes == UINT64_MAX ? "unlimited" : fmt::format("{} KiB", facts.memlock_bytes / 1024);
  if (older(facts, 5, 11) && facts.memlock_bytes != UINT64_MAX)
    return {Level::warn, "locked memory", found, "before Linux 5.11 BPF maps count against it",
            "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit"};
  return {Level::ok, "locked memory", found, "", ""};
}

Finding judge_open_files(const HostFacts& facts) {
  const std::string found = fmt::format("{} allowed", facts.open_files);
  if (facts.open_files >= 8192) return {Level::ok, "open files", found, "", ""};
  return {Level::warn, "open files", found, "fewer than 4,096 processes can be followed at a time",
          "ulimit -Hn 65536, or LimitNOFILE=65536 in the unit"};
}

Finding judge_yama(const HostFacts& facts) {
  const int scope = facts.yama_ptrace_scope.value_or(0);
  const std::string found = facts.yama_ptrace_scope ? fmt::format("ptrace_scope {}", scope) : "not there";
  if (scope < 3) return {Level::ok, "Yama", found, "", ""};
  return {Level::warn, "Yama", found, "no process's memory can be opened: the vDSO and interpreters stay dark",
          "sysctl kernel.yama.ptrace_scope=2, which takes effect at the next boot only"};
}

Finding judge_lockdown(const HostFacts& facts) {
  const std::string found = facts.lockdown.empty() ? "not there" : facts.lockdown;
  if (facts.lockdown != "confidentiality") return {Level::ok, "lockdown", found, "", ""};
  if (older(facts, 5, 5))
    return {Level::fail, "lockdown", found, "before Linux 5.5 it forbids BPF every read of user memory",
            "boot with lockdown=integrity"};
  return {Level::warn, "lockdown", found,
          "BPF may not read kernel memory: stacks of samples inside the kernel may end early",
          "boot with lockdown=integrity"};
}

Finding judge_landlock(const HostFacts& facts) {
  const std::string found = facts.landlock_abi == 0 ? "not there" : fmt::format("ABI {}", facts.landlock_abi);
  if (facts.landlock_abi >= 4) return {Level::ok, "Landlock", found, "", ""};
  if (facts.landlock_abi > 0)
    return {Level::warn, "Landlock", found,
            "the processor's network is shut by seccomp only (ports need ABI 4, Linux 6.7)", ""};
  return {Level::warn, "Landlock", found, "the processor is shut in by seccomp and its user only",
          "boot with lsm=landlock,… on Linux 5.13 or newer"};
}

Finding judge_cgroups(const HostFacts& facts) {
  if (facts.unified_cgroups) return {Level::ok, "cgroups", "v2", "", ""};
  if (facts.hybrid_cgroups)
    return {Level::warn, "cgroups", "v1 with v2 beside it",
            "cgroup ids in samples are those of the v2 tree, which may be empty; names come from /proc/PID/cgroup",
            "boot with systemd.unified_cgroup_hierarchy=1"};
  return {Level::warn, "cgroups", "v1", "samples carry no cgroup id; names come from /proc/PID/cgroup",
          "boot with systemd.unified_cgroup_hierarchy=1"};
}

Finding judge_pid_namespace(const HostFacts& facts) {
  if (!facts.host_pid_namespace)
    return {Level::warn, "pid namespace", "unknown", "is /proc mounted?", "mount -t proc proc /proc"};
  if (*facts.host_pid_namespace) return {Level::ok, "pid namespace", "the host's", "", ""};
  return {Level::fail, "pid namespace", "a container's",
          "BPF counts processes as the host does, /proc here does not: nothing would match",
          "podman run --pid=host …, or hostPID: true"};
}

}  // namespace

bool may_freeze(const KernelVersion& kernel) {
  if (kernel < KernelVersion{5, 19, 0} || kernel >= KernelVersion{6, 4, 0}) return false;
  if (kernel.major == 6 && kernel.minor == 1) return kernel.patch < 36;
  if (kernel.major == 6 && kernel.minor == 3) return kernel.patch < 10;
  return true;
}

std::vector<Finding> judge(const HostFacts& facts) {
  std::vector<Finding> findings = {judge_kernel(facts),        judge_machine(facts), judge_btf(facts),
                                   judge_pid_namespace(facts), judge_bpf(facts),     judge_perf(facts)};
  judge_capabilities(facts, findings);
  for (const auto judge_one : {judge_kptr_restrict, judge_unprivileged_bpf, judge_memlock, judge_open_files, judge_yama,
                               judge_lockdown, judge_landlock, judge_cgroups})
    findings.push_back(judge_one(facts));
  return findings;
}

}  // namespace splitprof
