// SPDX-License-Identifier: Apache-2.0
#include "processor/command/host_facts.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace splitprof {
namespace {

constexpr long kCgroup2Magic = 0x63677270;       // CGROUP2_SUPER_MAGIC of linux/magic.h
constexpr ino_t kInitPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h
constexpr unsigned kLandlockVersion = 1;         // LANDLOCK_CREATE_RULESET_VERSION

std::string read_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<int> read_number(const char* path) {
  const std::string text = read_text(path);
  if (text.empty()) return std::nullopt;
  return std::atoi(text.c_str());
}

uint64_t mask_from_status(const std::string& status, const char* key) {
  const size_t at = status.find(key);
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + std::strlen(key), nullptr, 16);
}

// "none [integrity] confidentiality": the chosen one stands in brackets.
std::string chosen_word(const std::string& text) {
  const size_t open = text.find('['), close = text.find(']');
  return open == std::string::npos || close < open ? "" : text.substr(open + 1, close - open - 1);
}

int try_bpf() {
  bpf_attr attributes = {};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  const long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
  if (fd < 0) return errno;
  close(static_cast<int>(fd));
  return 0;
}

int try_perf(int cpu) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = 1000000000;
  attributes.disabled = 1;
  const long fd = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return errno;
  close(static_cast<int>(fd));
  return 0;
}

bool is_cgroup2(const char* path) {
  struct statfs info = {};
  return statfs(path, &info) == 0 && info.f_type == kCgroup2Magic;
}

}  // namespace

std::optional<KernelVersion> parse_kernel_version(const std::string& release, const std::string& version_string) {
  KernelVersion version;
  const int fields = std::sscanf(release.c_str(), "%u.%u.%u", &version.major, &version.minor, &version.patch);
  if (fields < 2) return std::nullopt;
  // Debian: release 6.1.0-18-amd64, version "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)".
  if (const size_t at = version_string.find("Debian "); at != std::string::npos) {
    KernelVersion exact;
    if (std::sscanf(version_string.c_str() + at + 7, "%u.%u.%u", &exact.major, &exact.minor, &exact.patch) == 3 &&
        exact.major == version.major && exact.minor == version.minor)
      version = exact;
  }
  return version;
}

HostFacts read_host_facts() {
  HostFacts facts;
  utsname name = {};
  if (uname(&name) == 0) {
    facts.release = name.release;
    facts.version_string = name.version;
    facts.machine = name.machine;
  }
  facts.kernel = parse_kernel_version(facts.release, facts.version_string);
  facts.has_btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  const std::string status = read_text("/proc/self/status");
  facts.capabilities = mask_from_status(status, "CapEff:");
  facts.bounding_set = mask_from_status(status, "CapBnd:");
  facts.is_root = geteuid() == 0;
  facts.perf_event_paranoid = read_number("/proc/sys/kernel/perf_event_paranoid");
  facts.kptr_restrict = read_number("/proc/sys/kernel/kptr_restrict");
  facts.unprivileged_bpf_disabled = read_number("/proc/sys/kernel/unprivileged_bpf_disabled");
  facts.yama_ptrace_scope = read_number("/proc/sys/kernel/yama/ptrace_scope");
  facts.lockdown = chosen_word(read_text("/sys/kernel/security/lockdown"));
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) facts.memlock_bytes = limit.rlim_cur;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.open_files = limit.rlim_max;
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kLandlockVersion);
  facts.landlock_abi = abi > 0 ? static_cast<int>(abi) : 0;
  facts.unified_cgroups = is_cgroup2("/sys/fs/cgroup");
  facts.hybrid_cgroups = !facts.unified_cgroups && is_cgroup2("/sys/fs/cgroup/unified");
  struct stat space = {};
  if (stat("/proc/self/ns/pid", &space) == 0) facts.host_pid_namespace = space.st_ino == kInitPidNamespace;
  facts.bpf_errno = try_bpf();
  facts.perf_errno = try_perf(0);
  return facts;
}

}  // namespace splitprof
