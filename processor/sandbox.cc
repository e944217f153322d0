// SPDX-License-Identifier: Apache-2.0
#include "processor/sandbox.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <kj/io.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>

namespace splitprof {
namespace {

constexpr const char* kDefaultUser = "splitprof-processor";
// The sampler's is 61981: processes of one uid can kill each other.
constexpr uid_t kDefaultUid = 61982;

Error failed(const char* what) {
  return fail(Errc::io, "{}: {}", what, strerror(errno));
}

// ---- Landlock: no path may be opened but those that are named ------------------------------------------------------

// Of linux/landlock.h as of ABI 6 (Linux 6.12); Debian 12's headers end with ABI 2.
constexpr uint64_t kFsTruncate = 1 << 14;                                   // ABI 3
constexpr uint64_t kFsIoctlDevice = 1 << 15;                                // ABI 5
constexpr uint64_t kNetBindTcp = 1 << 0, kNetConnectTcp = 1 << 1;           // ABI 4
constexpr uint64_t kScopeAbstractSockets = 1 << 0, kScopeSignals = 1 << 1;  // ABI 6
constexpr int kRulePort = 2;                                                // LANDLOCK_RULE_NET_PORT
struct RulesetAttributes {
  uint64_t fs, net, scoped;
};
struct PortAttributes {
  uint64_t access, port;
};

constexpr uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWritingFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kFsTruncate;
constexpr uint64_t kFileBits = LANDLOCK_ACCESS_FS_READ_FILE | kWritingFile;  // the others are for folders only
constexpr uint64_t kWriting = kReading | kWritingFile | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;

uint64_t file_accesses_known_to(int abi) {
  uint64_t bits = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (abi >= 2) bits |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) bits |= kFsTruncate;
  if (abi >= 5) bits |= kFsIoctlDevice;
  return bits;
}

Result<> allow_path(int ruleset, const std::string& path, uint64_t access) {
  const int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return fail(Errc::not_found, "{}: {}", path, strerror(errno));
  const kj::AutoCloseFd closer(fd);
  struct stat status;
  if (fstat(fd, &status) != 0) return failed("fstat");
  if (!S_ISDIR(status.st_mode)) access &= kFileBits;
  const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = fd};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return failed("landlock_add_rule");
  return Ok{};
}

Result<> shut_paths(const ConfineOptions& options, std::vector<std::string>& lacking) {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    lacking.push_back("this kernel has no Landlock (Linux 5.13): only seccomp keeps paths shut");
    return Ok{};
  }
  if (abi < 4 && options.network)
    lacking.push_back("this kernel's Landlock cannot limit TCP (Linux 6.7): any port can be reached");
  if (abi < 6)
    lacking.push_back(
        "this kernel's Landlock has no scopes (Linux 6.12): only seccomp keeps signals and abstract sockets shut");
  const uint64_t known = file_accesses_known_to(static_cast<int>(abi));
  const RulesetAttributes attributes{.fs = known,
                                     .net = abi >= 4 ? kNetBindTcp | kNetConnectTcp : 0,
                                     .scoped = abi >= 6 ? kScopeAbstractSockets | kScopeSignals : 0};
  // The size tells an older kernel that the newer fields are not there.
  const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const long ruleset = syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
  if (ruleset < 0) return failed("landlock_create_ruleset");
  const kj::AutoCloseFd closer(static_cast<int>(ruleset));
  for (const auto& path : options.readable) TRY(allow_path(closer, path, kReading & known));
  for (const auto& path : options.writable) TRY(allow_path(closer, path, kWriting & known));
  if (abi >= 4 && options.network)
    for (const uint16_t port : options.connect_ports) {
      const PortAttributes rule{.access = kNetConnectTcp, .port = port};
      if (syscall(SYS_landlock_add_rule, closer.get(), kRulePort, &rule, 0) != 0) return failed("landlock_add_rule");
    }
  if (syscall(SYS_landlock_restrict_self, closer.get(), 0) != 0) return failed("landlock_restrict_self");
  return Ok{};
}

// ---- seccomp: what a program that computes needs, and little more --------------------------------------------------

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release) {}

  void allow(std::initializer_list<const char*> names) {
    for (const char* name : names) add(SCMP_ACT_ALLOW, name, {});
  }
  void allow_if(const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
    add(SCMP_ACT_ALLOW, name, conditions);
  }
  // Answered instead of done, and no reason to die: libraries try these and go on without.
  void refuse(int error, std::initializer_list<const char*> names) {
    for (const char* name : names) add(SCMP_ACT_ERRNO(error), name, {});
  }
  void refuse_if(int error, const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
    add(SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), name, conditions);
  }
  Result<> install() {
    if (error_ == 0) error_ = context_ ? seccomp_load(context_.get()) : -ENOMEM;
    if (error_ != 0) return fail(Errc::io, "seccomp: {}", strerror(-error_));
    return Ok{};
  }

 private:
  void add(uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0 || error_ != 0 || !context_) return;  // not on this CPU
    error_ = seccomp_rule_add_array(context_.get(), action, number, conditions.size(), conditions.begin());
  }
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

constexpr uint64_t kInt = 0xffffffff;  // of an int argument the kernel looks at the low half

Result<> shut_system_calls(const ConfineOptions& options) {
  Filter filter;
  filter.allow({// memory and threads
                "brk", "munmap", "madvise", "mremap", "futex", "set_robust_list", "rseq", "gettid", "sched_yield",
                "sched_getaffinity", "membarrier", "exit", "exit_group",
                // descriptors that it holds or is given
                "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "close", "lseek",
                "fstat", "fstatfs", "fcntl", "dup", "dup2", "dup3", "ftruncate", "fsync", "fdatasync", "fallocate",
                "recvmsg", "recvfrom", "sendmsg", "sendto", "shutdown", "getsockopt", "getsockname", "getpeername",
                // waiting
                "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "eventfd2",
                "signalfd4", "timerfd_create", "timerfd_settime", "pipe2", "clock_nanosleep", "nanosleep",
                "restart_syscall",
                // signals to itself, clocks, facts about itself
                "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "clock_gettime",
                "clock_getres", "gettimeofday", "time", "getrandom", "getpid", "getuid", "geteuid", "getgid", "getegid",
                "getrusage", "times", "uname", "sysinfo", "getrlimit",
                // paths: Landlock and file permissions decide which
                "newfstatat", "statx", "getcwd"});
  filter.allow_if("mmap", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  filter.allow_if("mprotect", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  filter.allow_if("prlimit64", {SCMP_CMP(2, SCMP_CMP_EQ, 0)});  // ask, not set
  filter.allow_if("prctl", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, PR_SET_NAME)});
  filter.allow_if("tgkill", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, static_cast<uint64_t>(getpid()))});
  filter.allow_if("ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kInt, TCGETS)});
  filter.allow_if("ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kInt, TIOCGWINSZ)});
  filter.allow_if("ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kInt, FIONREAD)});
  filter.allow_if("ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kInt, FIONBIO)});
  filter.allow_if("socketpair", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, AF_UNIX)});
  // A thread, never a process. clone3 hides its flags in memory; glibc then uses clone.
  filter.allow_if("clone", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM)});
  filter.refuse(ENOSYS, {"clone3", "io_uring_setup"});
  if (options.writable.empty()) {
    constexpr uint64_t kOpensForWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    filter.allow_if("openat", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, kOpensForWriting, O_RDONLY)});
  } else {
    filter.allow({"openat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "getdents64"});
  }
  if (options.network) {
    for (const int family : {AF_INET, AF_INET6})
      filter.allow_if("socket", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, static_cast<uint64_t>(family))});
    // Name resolution looks for a cache daemon and for the machine's own addresses, and goes on without.
    for (const int family : {AF_UNIX, AF_NETLINK})
      filter.refuse_if(EAFNOSUPPORT, "socket", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, static_cast<uint64_t>(family))});
    filter.allow({"connect", "sendmmsg", "recvmmsg"});
  }
  if (options.network || options.accept) filter.allow({"setsockopt"});
  if (options.accept) filter.allow({"accept4"});
  if (options.io_uring) filter.allow({"io_uring_enter", "io_uring_register"});
  return filter.install();
}

}  // namespace

Result<Account> account_of(const std::string& user) {
  const std::string name = user.empty() ? kDefaultUser : user;
  const passwd* account = getpwnam(name.c_str());
  if (account == nullptr && !user.empty()) return fail(Errc::not_found, "no user {}", user);
  if (account == nullptr) return Account{.uid = kDefaultUid, .gid = kDefaultUid};
  if (account->pw_uid == 0) return fail(Errc::denied, "user {} is root", name);
  return Account{.uid = account->pw_uid, .gid = account->pw_gid};
}

Result<> drop_privileges(const std::string& user) {
  if (geteuid() == 0) {
    const auto [uid, gid] = TRY(account_of(user));
    for (cap_value_t number = 0; cap_get_bound(number) >= 0; ++number)
      if (cap_drop_bound(number) != 0 && errno != EPERM) return failed("PR_CAPBSET_DROP");
    if (setgroups(0, nullptr) != 0) return failed("setgroups");
    if (setresgid(gid, gid, gid) != 0) return failed("setresgid");
    if (setresuid(uid, uid, uid) != 0) return failed("setresuid");
  }
  const std::unique_ptr<_cap_struct, int (*)(void*)> none(cap_init(), cap_free);
  if (!none || cap_set_proc(none.get()) != 0) return failed("capset");
  cap_reset_ambient();
  return Ok{};
}

Result<std::vector<std::string>> confine(const ConfineOptions& options) {
  std::vector<std::string> lacking;
  const rlimit core{0, 0};  // a core file would hold what was read from targets
  if (setrlimit(RLIMIT_CORE, &core) != 0) return failed("RLIMIT_CORE");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("PR_SET_DUMPABLE");
  TRY(shut_paths(options, lacking));
  TRY(shut_system_calls(options));
  return lacking;
}

}  // namespace splitprof
