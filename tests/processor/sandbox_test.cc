// SPDX-License-Identifier: Apache-2.0
//
// A child confines itself and then tries what a captured processor would try; and what an honest one has to do.
// Without root the same holds, except that there is no uid to change.
#include "processor/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <kj/io.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

namespace splitprof {
namespace {

constexpr int kNotConfined = 250;

// The end of a child that confined itself and then did `act`: its exit code, or minus the signal.
int end_after(const std::function<int()>& act, const ConfineOptions& options = {}) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (!drop_privileges() || !confine(options)) _exit(kNotConfined);
    _exit(act());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int error_of(long result) {
  return result < 0 ? errno : 0;
}

long landlock_abi() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

TEST(Sandbox, TheKernelConfirmsIt) {
  EXPECT_EQ(end_after(
                [] {
                  std::ifstream file("/proc/self/status");
                  int failures = 0;
                  int seen = 0;
                  for (std::string line; std::getline(file, line);) {
                    const auto is = [&](const char* name, const char* value) {
                      if (!line.starts_with(name)) return;
                      ++seen;
                      failures += line != std::string(name) + value;
                    };
                    is("CapPrm:\t", "0000000000000000");
                    is("CapEff:\t", "0000000000000000");
                    is("CapInh:\t", "0000000000000000");
                    is("CapAmb:\t", "0000000000000000");
                    is("NoNewPrivs:\t", "1");
                    is("Seccomp:\t", "2");
                    if (line.starts_with("Uid:\t0\t")) ++failures;
                  }
                  return seen == 6 ? failures : 100;
                },
                {.readable = {"/proc"}}),
            0);
}

TEST(Sandbox, WhatOnlyAnAttackerWantsEndsTheProcess) {
  const std::pair<const char*, std::function<int()>> forbidden[] = {
      {"execve", [] { return execl("/bin/true", "true", nullptr); }},
      {"fork", [] { return static_cast<int>(fork()); }},
      {"an Internet socket", [] { return socket(AF_INET, SOCK_STREAM, 0); }},
      {"a Unix socket", [] { return socket(AF_UNIX, SOCK_STREAM, 0); }},
      {"ptrace", [] { return static_cast<int>(syscall(SYS_ptrace, 16, getppid(), 0, 0)); }},
      {"process_vm_readv", [] { return static_cast<int>(syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0)); }},
      {"pidfd_open", [] { return static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0)); }},
      {"kill", [] { return kill(getppid(), SIGKILL); }},
      {"another process's signal", [] { return static_cast<int>(syscall(SYS_tgkill, getppid(), getppid(), SIGKILL)); }},
      {"mmap of code",
       [] { return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != nullptr; }},
      {"mprotect to code",
       [] {
         void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return mprotect(page, 4096, PROT_READ | PROT_EXEC);
       }},
      {"open for writing", [] { return open("/tmp/splitprof-test-must-not-exist", O_WRONLY | O_CREAT, 0600); }},
      {"openat2", [] { return static_cast<int>(syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0)); }},
      {"unlink", [] { return unlink("/tmp/splitprof-test-must-not-exist"); }},
      {"bpf", [] { return static_cast<int>(syscall(SYS_bpf, 0, nullptr, 0)); }},
      {"perf_event_open", [] { return static_cast<int>(syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
      {"unshare", [] { return static_cast<int>(syscall(SYS_unshare, 0x10000000)); }},
      {"prctl of its dumpability", [] { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }},
  };
  for (const auto& [what, act] : forbidden) EXPECT_EQ(end_after(act), -SIGSYS) << what;
}

TEST(Sandbox, NoPathCanBeOpened) {
  if (landlock_abi() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  for (const char* path : {"/proc/1/maps", "/proc/self/maps", "/etc/passwd", "/", "/bin/true"})
    EXPECT_EQ(end_after([=] { return error_of(open(path, O_RDONLY)); }), EACCES) << path;
}

TEST(Sandbox, NamedPathsCan) {
  if (landlock_abi() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  const ConfineOptions options{.readable = {"/etc/passwd", "/usr"}};
  EXPECT_EQ(end_after([] { return error_of(open("/etc/passwd", O_RDONLY)); }, options), 0);
  EXPECT_EQ(end_after([] { return error_of(open("/usr/bin/env", O_RDONLY)); }, options), 0);
  EXPECT_EQ(end_after([] { return error_of(open("/etc/group", O_RDONLY)); }, options), EACCES);
  EXPECT_EQ(end_after([] { return 0; }, {.readable = {"/no/such/path"}}), kNotConfined);
}

TEST(Sandbox, AWritableFolderTakesFilesAndNothingElse) {
  if (landlock_abi() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  char folder[] = "/tmp/splitprof-writable-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  ASSERT_EQ(chmod(folder, 0777), 0);
  const std::string file = std::string(folder) + "/f";
  const ConfineOptions options{.writable = {folder}};
  EXPECT_EQ(end_after(
                [&] {
                  const int fd = open(file.c_str(), O_RDWR | O_CREAT, 0600);
                  return fd < 0 || write(fd, "x", 1) != 1 || unlink(file.c_str()) != 0 ? errno : 0;
                },
                options),
            0);
  EXPECT_EQ(
      end_after([] { return error_of(open("/tmp/splitprof-test-must-not-exist", O_RDWR | O_CREAT, 0600)); }, options),
      EACCES);
  EXPECT_EQ(end_after([&] { return symlink("/etc/shadow", file.c_str()); }, options), -SIGSYS);
  rmdir(folder);
}

TEST(Sandbox, APassedDescriptorCanBeReadButNotReopened) {
  const kj::AutoCloseFd file(open("/proc/self/exe", O_RDONLY));
  EXPECT_EQ(end_after([&] {
              char magic[4];
              return pread(file, magic, 4, 0) == 4 && memcmp(magic, "\177ELF", 4) == 0 ? 0 : 1;
            }),
            0);
  if (landlock_abi() < 1) return;
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  EXPECT_EQ(end_after([&] { return error_of(open(path.c_str(), O_RDONLY)); }), EACCES);
}

TEST(Sandbox, ThreadsAndAnEventLoopWork) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  EXPECT_EQ(end_after([&] {
              auto io = kj::setupAsyncIo();
              auto stream = io.lowLevelProvider->wrapSocketFd(ends[0]);
              std::string told;
              std::thread worker([&] {
                std::string large(1 << 20, 'x');  // memory of a thread of its own
                told = write(ends[1], "hello", 5) == 5 && large.back() == 'x' ? "ok" : "";
              });
              char bytes[5];
              stream->read(bytes, sizeof(bytes)).wait(io.waitScope);
              io.provider->getTimer().afterDelay(kj::MILLISECONDS).wait(io.waitScope);
              worker.join();
              return memcmp(bytes, "hello", 5) == 0 && told == "ok" ? 0 : 1;
            }),
            0);
  close(ends[0]);
  close(ends[1]);
}

TEST(Sandbox, ABrokenInvariantEndsItProperly) {
  EXPECT_EQ(end_after([]() -> int { abort(); }), -SIGABRT);
}

TEST(Sandbox, TheNetworkIsThoseTcpPortsOnly) {
  const auto connect_to = [](uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return error_of(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  };
  const ConfineOptions options{.network = true, .connect_ports = {1}};
  EXPECT_EQ(end_after([&] { return connect_to(1); }, options), ECONNREFUSED) << "allowed; nobody listens on port 1";
  // Name resolution tries these, and has to go on.
  EXPECT_EQ(end_after([] { return error_of(socket(AF_UNIX, SOCK_STREAM, 0)); }, options), EAFNOSUPPORT);
  EXPECT_EQ(end_after([] { return error_of(socket(AF_NETLINK, SOCK_RAW, 0)); }, options), EAFNOSUPPORT);
  EXPECT_EQ(end_after([] { return socket(AF_PACKET, SOCK_RAW, 0); }, options), -SIGSYS);
  EXPECT_EQ(end_after([] { return accept4(3, nullptr, nullptr, 0); }, options), -SIGSYS);
  EXPECT_EQ(end_after([] { return bind(3, nullptr, 0); }, options), -SIGSYS);
  if (landlock_abi() >= 4) {
    EXPECT_EQ(end_after([&] { return connect_to(2); }, options), EACCES);
  }
}

TEST(Sandbox, SaysWhatTheKernelLacks) {
  const pid_t child = fork();
  if (child == 0) {
    const auto lacking = confine({.network = true});
    _exit(lacking ? static_cast<int>(lacking->size()) : kNotConfined);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const long abi = landlock_abi();
  EXPECT_EQ(WEXITSTATUS(status), abi < 1 ? 1 : (abi < 4) + (abi < 6));
}

}  // namespace
}  // namespace splitprof
