// SPDX-License-Identifier: Apache-2.0
#include "sampler/privileges/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

namespace splitprof {
namespace {

constexpr const char* kDefaultUser = "splitprof-sampler";
// Where that user does not exist: above what Debian gives to users and services (Policy 9.2.2: up to 59999 and from
// 60000 on request), and not the processor's, as processes of one uid can kill each other.
constexpr uid_t kDefaultUid = 61981;

struct Capability {
  const char* name;
  cap_value_t number;
  const char* since;
  Role holder;
  const char* purpose;
  const char* lost;
};
constexpr Capability kCapabilities[] = {
#define SP_CAPABILITY(name, number, since, holder, purpose, lost) {#name, number, since, Role::holder, purpose, lost},
#include "sampler/privileges/capabilities.def"
#undef SP_CAPABILITY
};
constexpr cap_value_t kBpf = 39;  // linux/capability.h; libcap's own header may be older

constexpr uint64_t bit(cap_value_t capability) {
  return uint64_t{1} << capability;
}

using Caps = std::unique_ptr<_cap_struct, int (*)(cap_t)>;
Caps owned(cap_t caps) {
  return Caps(caps, [](cap_t c) { return cap_free(c); });
}

Error failed(const char* what) {
  return fail(Errc::io, "{}: {}", what, strerror(errno));
}

uint64_t permitted_now() {
  const auto caps = owned(cap_get_proc());
  uint64_t bits = 0;
  for (cap_value_t number = 0; number < 64; ++number) {
    cap_flag_value_t value = CAP_CLEAR;
    if (caps && cap_get_flag(caps.get(), number, CAP_PERMITTED, &value) == 0 && value == CAP_SET) bits |= bit(number);
  }
  return bits;
}

// Exactly these, permitted and effective; nothing inheritable or ambient, so that nothing survives an execve.
Result<> set_capabilities(uint64_t bits) {
  const auto caps = owned(cap_init());
  for (cap_value_t number = 0; caps && number < 64; ++number) {
    if ((bits & bit(number)) == 0) continue;
    if (cap_set_flag(caps.get(), CAP_PERMITTED, 1, &number, CAP_SET) != 0 ||
        cap_set_flag(caps.get(), CAP_EFFECTIVE, 1, &number, CAP_SET) != 0)
      return failed("cap_set_flag");
  }
  if (!caps || cap_set_proc(caps.get()) != 0) return failed("capset");
  cap_reset_ambient();  // ENOSYS before Linux 4.3: then there is nothing to reset
  return Ok{};
}

int read_number(const char* path, int otherwise) {
  std::ifstream file(path);
  int number = otherwise;
  return file >> number ? number : otherwise;
}

AdminNeed admin_need() {
  if (!CAP_IS_SUPPORTED(kBpf))
    return read_number("/proc/sys/kernel/unprivileged_bpf_disabled", 0) == 0 ? AdminNeed::while_starting
                                                                             : AdminNeed::always;
  // 3 is not upstream's: Debian's and Ubuntu's kernels add it, and it asks for SYS_ADMIN instead of PERFMON.
  return read_number("/proc/sys/kernel/perf_event_paranoid", 2) >= 3 ? AdminNeed::while_starting : AdminNeed::never;
}

uint64_t wanted_by(Role role, AdminNeed admin) {
  uint64_t bits = 0;
  for (const auto& capability : kCapabilities) {
    const bool opens = role == Role::zygote || role == Role::opener;
    const bool wanted =
        capability.holder == Role::starting
            ? !opens && (admin == AdminNeed::always || (admin == AdminNeed::while_starting && role == Role::starting))
            : (capability.holder == Role::opener) == opens;
    if (wanted) bits |= bit(capability.number);
  }
  return bits;
}

// Becomes another user and keeps `keep`. From root only.
Result<> become(uid_t uid, gid_t gid, uint64_t keep) {
  for (cap_value_t number = 0; cap_get_bound(number) >= 0; ++number)
    if ((keep & bit(number)) == 0 && cap_drop_bound(number) != 0 && errno != EPERM) return failed("PR_CAPBSET_DROP");
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("PR_SET_KEEPCAPS");
  if (setgroups(0, nullptr) != 0) return failed("setgroups");
  if (setresgid(gid, gid, gid) != 0) return failed("setresgid");
  if (setresuid(uid, uid, uid) != 0) return failed("setresuid");
  const auto kept = set_capabilities(keep);
  prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  return kept;
}

void set_limits() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Before 5.11 maps are charged to RLIMIT_MEMLOCK, for root too. Without SYS_RESOURCE the unit has to say it.
  const rlimit locked{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &locked);
  const rlimit core{0, 0};  // a core file would hold what was read from targets
  setrlimit(RLIMIT_CORE, &core);
}

// A program that lives 5 ms has to be opened before it ends, on a machine whose every CPU is busy with others like it:
// whoever asks for short slices is let in sooner (fair scheduler of Linux 6.12 on), and gets no more of the CPU. Needs
// no capability, is inherited by zygote and openers, and earlier kernels ignore it.
void ask_for_short_slices() {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
  } attributes{};  // struct sched_attr of sched_setattr(2), which glibc 2.36 has no header for
  attributes.size = sizeof(attributes);
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  attributes.runtime_ns = 100'000;  // the shortest that the kernel takes (kernel/sched/syscalls.c)
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

bool older_than(int major, int minor) {
  utsname name{};
  int running_major = 0, running_minor = 0;
  uname(&name);
  if (sscanf(name.release, "%d.%d", &running_major, &running_minor) != 2) return false;
  return running_major < major || (running_major == major && running_minor < minor);
}

void note_what_is_missing(StartPrivileges& start) {
  auto& notes = start.notes;
  const uint64_t wanted = wanted_by(Role::starting, start.admin) | wanted_by(Role::opener, start.admin);
  for (const auto& capability : kCapabilities)
    if ((wanted & ~start.held & bit(capability.number)) != 0)
      notes.push_back(
          fmt::format("CAP_{} is missing (to {}); lost: {}", capability.name, capability.purpose, capability.lost));
  if (start.admin == AdminNeed::while_starting)
    notes.push_back(
        "CAP_SYS_ADMIN is needed to start on this kernel and dropped afterwards; lost: CPUs that come online later. "
        "`sysctl kernel.perf_event_paranoid=2` mends it from Linux 5.8 on");
  if (start.admin == AdminNeed::always)
    notes.push_back(
        "CAP_SYS_ADMIN is kept: this kernel has no CAP_BPF and unprivileged_bpf_disabled is set, so that without it "
        "every map call would fail");
  if (older_than(5, 9))
    notes.push_back("this kernel has no CAP_CHECKPOINT_RESTORE: files behind mappings are not opened");
  rlimit locked{};
  if (older_than(5, 11) && getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur != RLIM_INFINITY)
    notes.push_back("RLIMIT_MEMLOCK is limited and this kernel charges BPF maps to it: set LimitMEMLOCK=infinity");
}

}  // namespace

Result<StartPrivileges> start_privileges(const std::string& user) {
  StartPrivileges start;
  start.admin = admin_need();
  set_limits();
  ask_for_short_slices();
  const uint64_t wanted = wanted_by(Role::starting, start.admin) | wanted_by(Role::opener, start.admin);
  const uint64_t permitted = permitted_now();
  constexpr uint64_t kToLeave = bit(CAP_SETUID) | bit(CAP_SETGID);
  start.held = permitted & wanted;
  if (geteuid() == 0 && (permitted & kToLeave) != kToLeave) {
    start.notes.push_back("this stays uid 0: CAP_SETUID or CAP_SETGID is missing to become another user");
    TRY(set_capabilities(start.held));
  } else if (geteuid() == 0) {
    const std::string name = user.empty() ? kDefaultUser : user;
    const passwd* account = getpwnam(name.c_str());
    if (account == nullptr && !user.empty()) return fail(Errc::not_found, "no user {}", user);
    const uid_t uid = account != nullptr ? account->pw_uid : kDefaultUid;
    if (account != nullptr && uid == 0) return fail(Errc::denied, "user {} is root", name);
    TRY(become(uid, account != nullptr ? account->pw_gid : kDefaultUid, start.held));
  } else {
    TRY(set_capabilities(start.held));
  }
  start.uid = getuid();
  start.gid = getgid();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("PR_SET_DUMPABLE");
  note_what_is_missing(start);
  return start;
}

Result<> drop_to(Role role, const StartPrivileges& start) {
  return set_capabilities(start.held & wanted_by(role, start.admin));
}

std::string describe(Role role, const StartPrivileges& start) {
  static constexpr const char* kNames[] = {"sampler, while it starts", "sampler", "zygote", "opener"};
  std::string text = fmt::format("{}: uid {}, gid {}\n", kNames[static_cast<int>(role)], start.uid, start.gid);
  const uint64_t wanted = wanted_by(role, start.admin);
  for (const auto& capability : kCapabilities) {
    if ((wanted & bit(capability.number)) == 0) continue;
    const bool held = (start.held & bit(capability.number)) != 0;
    text += fmt::format("  CAP_{}: {}{}{}\n", capability.name, capability.purpose,
                        held ? "" : "; MISSING, lost: ", held ? "" : capability.lost);
  }
  return text;
}

}  // namespace splitprof
