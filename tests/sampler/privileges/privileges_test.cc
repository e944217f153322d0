// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says about processes that took a role, in /proc/PID/status, and what they can do no more.
#include "sampler/privileges/privileges.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

namespace splitprof {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t bits(std::initializer_list<int> capabilities) {
  uint64_t set = 0;
  for (const int capability : capabilities) set |= uint64_t{1} << capability;
  return set;
}
constexpr uint64_t kSamplerSet = bits({38, 39});
constexpr uint64_t kOpenerSet = bits({CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, 40, CAP_SYSLOG});

void take(Role role) {
  const auto start = start_privileges();
  if (!start || !drop_to(role, start.value())) _exit(101);
  if (role != Role::starting && !install_seccomp(role)) _exit(102);
}

// The end of a child that took the role and then did `act`: its exit code, or minus the signal.
int end_after(Role role, const std::function<int()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    take(role);
    _exit(act());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::map<std::string, std::string> status_of(Role role) {
  int ready[2], hold[2];
  EXPECT_EQ(pipe(ready), 0);
  EXPECT_EQ(pipe(hold), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(ready[0]);
    close(hold[1]);
    take(role);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(ready[1]);
  close(hold[0]);
  char byte;
  std::map<std::string, std::string> fields;
  if (read(ready[0], &byte, 1) == 1) {
    std::ifstream file("/proc/" + std::to_string(child) + "/status");
    for (std::string line; std::getline(file, line);)
      if (const size_t colon = line.find(":\t"); colon != line.npos)
        fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  close(hold[1]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "reading until the end is allowed in every role";
  close(ready[0]);
  return fields;
}

uint64_t hex(const std::string& text) {
  return std::stoull("0" + text, nullptr, 16);
}

class Privileges : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

class EachRole : public Privileges, public ::testing::WithParamInterface<std::pair<Role, uint64_t>> {};

TEST_P(EachRole, HoldsExactlyItsCapabilities) {
  const auto [role, expected] = GetParam();
  auto status = status_of(role);
  EXPECT_EQ(hex(status["CapPrm"]), expected);
  EXPECT_EQ(hex(status["CapEff"]), expected);
  EXPECT_EQ(hex(status["CapInh"]), 0u);
  EXPECT_EQ(hex(status["CapAmb"]), 0u);
  EXPECT_EQ(hex(status["CapBnd"]) & ~(kSamplerSet | kOpenerSet | bits({CAP_SYS_ADMIN})), 0u);
  EXPECT_EQ(status["NoNewPrivs"], "1");
  EXPECT_EQ(status["Seccomp"], "2");
  EXPECT_THAT(status["Groups"], ::testing::MatchesRegex(" *"));
  std::istringstream uids(status["Uid"]), gids(status["Gid"]);
  for (unsigned uid = 0; uids >> uid;) EXPECT_NE(uid, 0u);
  for (unsigned gid = 0; gids >> gid;) EXPECT_NE(gid, 0u);
}

INSTANTIATE_TEST_SUITE_P(Roles, EachRole,
                         ::testing::Values(std::pair{Role::sampler, kSamplerSet}, std::pair{Role::zygote, kOpenerSet},
                                           std::pair{Role::opener, kOpenerSet}));

TEST_F(Privileges, WhatWasGivenUpDoesNotComeBack) {
  const pid_t child = fork();
  if (child == 0) {
    const auto start = start_privileges();
    if (!start || !drop_to(Role::sampler, start.value())) _exit(1);
    if (drop_to(Role::opener, start.value())) _exit(2);
    _exit(setuid(0) == 0 ? 3 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Privileges, NobodyExecutesConnectsMapsCodeOrTraces) {
  const std::pair<const char*, std::function<int()>> forbidden[] = {
      {"execve", [] { return execl("/bin/true", "true", nullptr); }},
      {"socket", [] { return socket(AF_INET, SOCK_STREAM, 0); }},
      {"mmap of code",
       [] { return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != nullptr; }},
      {"open for writing", [] { return open("/tmp/splitprof-test-must-not-exist", O_WRONLY | O_CREAT, 0600); }},
      {"ptrace", [] { return static_cast<int>(syscall(SYS_ptrace, 16, getppid(), 0, 0)); }},
      {"process_vm_readv", [] { return static_cast<int>(syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0)); }},
      {"io_uring_setup", [] { return static_cast<int>(syscall(SYS_io_uring_setup, 1, nullptr)); }},
      {"unlink", [] { return unlink("/tmp/splitprof-test-must-not-exist"); }},
      {"setuid", [] { return setuid(0); }},
  };
  for (const Role role : {Role::sampler, Role::zygote, Role::opener})
    for (const auto& [what, act] : forbidden)
      EXPECT_EQ(end_after(role, act), -SIGSYS) << what << " as role " << static_cast<int>(role);
}

TEST_F(Privileges, TheSamplerAndOpenersCannotForkOrKill) {
  for (const Role role : {Role::sampler, Role::opener}) {
    EXPECT_EQ(end_after(role, [] { return fork() == 0 ? 0 : 1; }), -SIGSYS);
    EXPECT_EQ(end_after(role, [] { return kill(getppid(), 0); }), -SIGSYS);
    EXPECT_EQ(end_after(role, []() -> int { abort(); }), -SIGABRT) << "but a broken invariant ends them properly";
  }
  EXPECT_EQ(end_after(Role::zygote,
                      [] {
                        const pid_t child = fork();
                        if (child == 0) _exit(7);
                        int status = 0;
                        return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 1;
                      }),
            7);
}

int bpf_call(int command) {
  bpf_attr attr{};
  attr.map_fd = ~0u;
  return syscall(SYS_bpf, command, &attr, sizeof(attr)) < 0 ? errno : 0;
}

TEST_F(Privileges, TheSamplerMayUseMapsButNotLoadPrograms) {
  EXPECT_EQ(end_after(Role::sampler, [] { return bpf_call(BPF_MAP_LOOKUP_ELEM); }), EBADF) << "bpf() itself is allowed";
  for (const int command : {BPF_PROG_LOAD, BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_BTF_LOAD, BPF_PROG_QUERY})
    EXPECT_EQ(end_after(Role::sampler, [=] { return bpf_call(command); }), -SIGSYS) << command;
  for (const Role role : {Role::zygote, Role::opener})
    EXPECT_EQ(end_after(role, [] { return bpf_call(BPF_MAP_LOOKUP_ELEM); }), -SIGSYS);
}

TEST_F(Privileges, TheSamplerMaySampleCpusButNoProcess) {
  const auto open_event = [](pid_t pid) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = 100'000'000;
    return syscall(SYS_perf_event_open, &attr, pid, 0, -1, PERF_FLAG_FD_CLOEXEC) < 0 ? errno : 0;
  };
  EXPECT_EQ(end_after(Role::sampler, [&] { return open_event(-1); }), 0);
  EXPECT_EQ(end_after(Role::sampler, [&] { return open_event(getppid()); }), -SIGSYS);
}

TEST_F(Privileges, TheSamplerCannotLookAtAProcess) {
  const pid_t target = getpid();  // root's
  EXPECT_EQ(end_after(Role::sampler,
                      [=] {
                        const std::string path = "/proc/" + std::to_string(target) + "/mem";
                        return open(path.c_str(), O_RDONLY) < 0 ? 0 : 1;
                      }),
            0);
  EXPECT_EQ(end_after(Role::opener,
                      [=] {
                        const std::string path = "/proc/" + std::to_string(target) + "/mem";
                        return open(path.c_str(), O_RDONLY) < 0 ? errno : 0;
                      }),
            0);
}

TEST_F(Privileges, DescriptionNamesEachCapabilityAndWhatIsLostWithoutIt) {
  StartPrivileges start;
  start.held = kSamplerSet | bits({CAP_SYS_PTRACE});
  EXPECT_THAT(describe(Role::sampler, start), HasSubstr("CAP_bpf"));
  EXPECT_THAT(describe(Role::sampler, start), ::testing::Not(HasSubstr("CAP_sys_")));
  const auto opener = describe(Role::opener, start);
  EXPECT_THAT(opener, HasSubstr("CAP_sys_ptrace"));
  EXPECT_THAT(opener, HasSubstr("MISSING, lost: names of kernel functions"));
}

TEST_F(Privileges, AMissingCapabilityIsNamedAndNotFatal) {
  const pid_t child = fork();
  if (child == 0) {
    const cap_value_t syslog = CAP_SYSLOG;
    const cap_t caps = cap_get_proc();
    cap_set_flag(caps, CAP_PERMITTED, 1, &syslog, CAP_CLEAR);
    cap_set_flag(caps, CAP_EFFECTIVE, 1, &syslog, CAP_CLEAR);
    cap_set_proc(caps);
    const auto start = start_privileges();
    if (!start) _exit(1);
    for (const auto& note : start->notes)
      if (note.find("CAP_syslog is missing") != note.npos) _exit(0);
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace splitprof
