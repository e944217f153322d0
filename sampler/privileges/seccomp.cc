// SPDX-License-Identifier: Apache-2.0
//
// The system calls of each of the sampler's processes. Everything else ends the process: none of them has a bad input
// after which going on would be right.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>

#include "sampler/privileges/privileges.h"

namespace splitprof {
namespace {

using Compare = scmp_arg_cmp;
constexpr uint64_t kInt = 0xffffffff;  // the kernel looks at the low half of an int argument only
constexpr uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release) {}

  // Names that this CPU does not have are none (open on arm64), those that libseccomp does not know, neither.
  void allow(std::initializer_list<const char*> names) {
    for (const char* name : names) add(name, {});
  }
  void allow_if(const char* name, std::initializer_list<Compare> conditions) { add(name, conditions); }
  void allow_values(const char* name, unsigned argument, std::initializer_list<uint64_t> values) {
    for (const uint64_t value : values) add(name, {SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, kInt, value)});
  }

  Result<> install() {
    if (error_ == 0) error_ = context_ ? seccomp_load(context_.get()) : -ENOMEM;
    if (error_ != 0) return fail(Errc::io, "seccomp: {}", strerror(-error_));
    return Ok{};
  }

 private:
  void add(const char* name, std::initializer_list<Compare> conditions) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0 || error_ != 0 || !context_) return;
    error_ = seccomp_rule_add_array(context_.get(), SCMP_ACT_ALLOW, number, conditions.size(), conditions.begin());
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

// What any program of ours needs: memory that cannot be executed, clocks, its own descriptors, its own end.
void allow_common(Filter& filter) {
  filter.allow({"read",
                "write",
                "writev",
                "close",
                "fstat",
                "lseek",
                "brk",
                "munmap",
                "madvise",
                "mremap",
                "futex",
                "getrandom",
                "clock_gettime",
                "clock_getres",
                "clock_nanosleep",
                "nanosleep",
                "gettimeofday",
                "time",
                "rt_sigreturn",
                "rt_sigprocmask",
                "rt_sigaction",
                "sigaltstack",
                "restart_syscall",
                "sched_yield",
                "getpid",
                "gettid",
                "getuid",
                "geteuid",
                "getgid",
                "getegid",
                "uname",
                "sysinfo",
                "poll",
                "ppoll",
                "recvmsg",
                "sendmsg",
                "exit",
                "exit_group",
                "rseq",
                "set_robust_list"});
  filter.allow_if("mmap", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  filter.allow_if("mprotect", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
}

// Opened for reading only. openat2 hides its flags in memory and is for openers alone.
void allow_reading_files(Filter& filter) {
  filter.allow_if("openat", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)});
  filter.allow_if("open", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)});
  filter.allow({"newfstatat", "statx"});
}

// abort() and failed checks send a signal to themselves, and to nobody else.
void allow_abort(Filter& filter, pid_t self) {
  filter.allow_if("tgkill", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, static_cast<uint64_t>(self))});
}

void allow_sampler(Filter& filter) {
  allow_common(filter);
  allow_reading_files(filter);  // cpu/online, the time zone; no capability helps to read more than anybody may
  allow_abort(filter, getpid());
  filter.allow({"epoll_create1", "epoll_ctl",  "epoll_wait",     "epoll_pwait",     "epoll_pwait2",
                "eventfd2",      "signalfd4",  "timerfd_create", "timerfd_settime", "fcntl",
                "dup",           "dup3",       "pipe2",          "accept",          "accept4",
                "getsockopt",    "setsockopt", "getsockname",    "getpeername",     "shutdown",
                "sendto",        "recvfrom",   "memfd_create",   "ftruncate",       "pread64",
                "pidfd_open",    "getrusage",  "times",          "getrlimit",       "sched_getaffinity"});
  filter.allow_if("socketpair", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kInt, AF_UNIX)});
  filter.allow_if("wait4", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, kInt, 1 /* WNOHANG */)});
  filter.allow_if("prlimit64", {SCMP_CMP(2, SCMP_CMP_EQ, 0)});  // ask, not set
  filter.allow_values("bpf", 0,
                      {BPF_MAP_CREATE, BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_LINK_CREATE,
                       BPF_OBJ_GET_INFO_BY_FD});
  // Every process, never one that is named.
  filter.allow_if("perf_event_open", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, kInt, kInt)});
  filter.allow_values("ioctl", 1,
                      {PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE, PERF_EVENT_IOC_PERIOD, PERF_EVENT_IOC_SET_BPF,
                       PERF_EVENT_IOC_SET_OUTPUT, PERF_EVENT_IOC_ID, TCGETS, FIONREAD, FIONBIO, FIOCLEX});
}

void allow_opener(Filter& filter) {
  allow_common(filter);
  allow_reading_files(filter);
  filter.allow({"openat2", "fstatfs", "readlinkat", "pread64", "pidfd_open"});
}

void allow_zygote(Filter& filter) {
  allow_opener(filter);  // filters add up: what openers may, it may
  // A process like itself, in no new namespace.
  constexpr uint64_t kNewNamespace =
      CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  filter.allow_if("clone", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kNewNamespace, 0)});
  filter.allow({"fork", "kill", "tgkill", "wait4", "getppid", "seccomp"});
  filter.allow_values("prctl", 0, {PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS});
}

}  // namespace

Result<> install_seccomp(Role role) {
  Filter filter;
  switch (role) {
    case Role::starting:
      return fail(Errc::unsupported, "loading BPF is under no filter");
    case Role::sampler:
      allow_sampler(filter);
      break;
    case Role::zygote:
      allow_zygote(filter);
      break;
    case Role::opener:
      allow_opener(filter);
      allow_abort(filter, getpid());
      break;
  }
  return filter.install();
}

}  // namespace splitprof
