// SPDX-License-Identifier: Apache-2.0
//
// Openers against real processes, kind ones and hostile ones. Each test forks a sampler that gives its privileges up as
// the real one does; targets run as a user of their own.
#include "sampler/opener_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "sampler/opener/open_target.h"
#include "tests/sampler/hostile_target.h"

namespace splitprof {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;
constexpr uid_t kTargetUid = 54321;
constexpr uint64_t kNanosecondsPerTick = 10'000'000;

uint64_t start_time_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string stat(std::istreambuf_iterator<char>(file), {});
  return parse_start_ticks(stat).value_or(0) * kNanosecondsPerTick;
}

OpenRequest request_for(pid_t pid, OpenOperation operation) {
  OpenRequest request;
  request.operation = operation;
  request.pid = pid;
  request.start_time_ns = start_time_of(pid);
  return request;
}

// What BPF would say of the file at an exec.
KernelIdentity identity_of(const std::string& path) {
  DenyList list;
  EXPECT_TRUE(add_deny_rule(list, "exe=" + path));
  return list.executables.at(0);
}

OpenRequest request_for_executable(pid_t pid, const KernelIdentity& seen) {
  auto request = request_for(pid, OpenOperation::executable);
  request.executable = seen;
  return request;
}

// A process of a plain user, not dumpable, that runs `prepare` as root first.
class Process {
 public:
  explicit Process(const std::function<void()>& prepare = [] {}) {
    int ready[2];
    EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prepare();
      if (setresgid(kTargetUid, kTargetUid, kTargetUid) != 0 || setresuid(kTargetUid, kTargetUid, kTargetUid) != 0)
        _exit(1);
      prctl(PR_SET_DUMPABLE, 0);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(ready[1]);
    char byte;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
  }
  ~Process() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

struct Sampler {
  kj::AsyncIoContext& io;
  OpenerClient& opener;
  SamplerCounters& counters;
  Result<OpenReply> open(const OpenRequest& request) { return opener.open(request).wait(io.waitScope); }
};

class OpenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to give it up";
  }

  // Runs `act` in a process that became a sampler, seccomp filter and all.
  void in_sampler(const std::function<void(Sampler)>& act, const OpenerOptions& options = {}) {
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      become_sampler(act, options);
      fflush(nullptr);
      _exit(HasFailure());
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "signal " << WTERMSIG(status) << ", code " << WEXITSTATUS(status);
  }

 private:
  void become_sampler(const std::function<void(Sampler)>& act, const OpenerOptions& options) {
    const auto start = start_privileges();
    ASSERT_TRUE(start) << start.error().message;
    auto zygote = start_zygote(start.value(), options);
    ASSERT_TRUE(zygote) << zygote.error().message;
    ASSERT_TRUE(drop_to(Role::sampler, start.value()));
    auto io = kj::setupAsyncIo();
    ASSERT_TRUE(install_seccomp(Role::sampler));
    SamplerCounters counters;
    OpenerClient opener(io.unixEventPort, io.provider->getTimer(), std::move(*zygote), counters);
    act(Sampler{io, opener, counters});
  }
};

std::string read_all(int fd) {
  std::string text(1 << 20, '\0');
  size_t filled = 0;
  for (ssize_t got; filled < text.size() && (got = read(fd, text.data() + filled, text.size() - filled)) > 0;)
    filled += got;
  text.resize(filled);
  return text;
}

TEST_F(OpenerTest, OpensWhatTheSamplerItselfCannot) {
  static const char kSecret[] = "a secret of another user";
  const Process target;
  const auto self = identity_of("/proc/self/exe");
  in_sampler([&](Sampler sampler) {
    EXPECT_LT(::open(("/proc/" + std::to_string(target.pid()) + "/mem").c_str(), O_RDONLY), 0);

    const auto maps = sampler.open(request_for(target.pid(), OpenOperation::mappings));
    ASSERT_TRUE(maps) << maps.error().message;
    EXPECT_THAT(read_all(maps->file), HasSubstr("[stack]"));

    const auto memory = sampler.open(request_for(target.pid(), OpenOperation::memory));
    ASSERT_TRUE(memory) << memory.error().message;
    char bytes[sizeof(kSecret)] = {};
    EXPECT_EQ(pread(memory->file, bytes, sizeof(bytes), reinterpret_cast<off_t>(kSecret)), ssize_t{sizeof(bytes)});
    EXPECT_STREQ(bytes, kSecret);
    EXPECT_EQ(fcntl(memory->file, F_GETFL) & O_ACCMODE, O_RDONLY);

    const auto executable = sampler.open(request_for_executable(target.pid(), self));
    ASSERT_TRUE(executable) << executable.error().message;
    char magic[4];
    ASSERT_EQ(read(executable->file, magic, 4), 4);
    EXPECT_EQ(memcmp(magic, "\177ELF", 4), 0);

    const auto description = sampler.open(request_for(target.pid(), OpenOperation::describe));
    ASSERT_TRUE(description) << description.error().message;
    EXPECT_THAT(description->texts[0], HasSubstr(":/"));
    EXPECT_THAT(description->texts[1], HasSubstr("opener_test"));
    EXPECT_THAT(description->texts[2], HasSubstr("opener_test"));

    const auto environment = sampler.open(request_for(target.pid(), OpenOperation::environment));
    ASSERT_TRUE(environment) << environment.error().message;
    EXPECT_THAT(environment->texts[0], HasSubstr("="));
    EXPECT_LE(environment->texts[0].size(), kMaxEnvironmentBytes);

    const auto symbols = sampler.open(request_for(target.pid(), OpenOperation::kernel_symbols));
    ASSERT_TRUE(symbols) << symbols.error().message;
    EXPECT_FALSE(read_all(symbols->file).empty());
  });
}

TEST_F(OpenerTest, OpensADeletedFileBehindAMapping) {
  const size_t page = 4096;
  char path[] = "/tmp/splitprof-mapped-XXXXXX";
  const int file = mkstemp(path);  // root's, mode 0600
  ASSERT_EQ(write(file, "behind the mapping", 18), 18);
  ASSERT_EQ(ftruncate(file, page), 0);
  void* where = mmap(nullptr, page, PROT_READ, MAP_PRIVATE, file, 0);
  const Process target;  // inherits it
  unlink(path);
  in_sampler([&](Sampler sampler) {
    auto request = request_for(target.pid(), OpenOperation::mapping);
    request.start = reinterpret_cast<uint64_t>(where);
    request.end = request.start + page;
    const auto reply = sampler.open(request);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_THAT(read_all(reply->file), HasSubstr("behind the mapping"));
    request.end += page;
    EXPECT_EQ(sampler.open(request).error().code, Errc::not_found) << "no such mapping";
  });
  munmap(where, page);
  close(file);
}

TEST_F(OpenerTest, AnotherProcessWithTheSameNumberIsGone) {
  const Process target;
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  const auto of_dead = request_for(dead, OpenOperation::mappings);
  waitpid(dead, nullptr, 0);
  in_sampler([&](Sampler sampler) {
    auto request = request_for(target.pid(), OpenOperation::memory);
    request.start_time_ns += kNanosecondsPerTick;
    EXPECT_EQ(sampler.open(request).error().code, Errc::gone);
    request.start_time_ns -= 2 * kNanosecondsPerTick;
    EXPECT_EQ(sampler.open(request).error().code, Errc::gone);
    EXPECT_EQ(sampler.open(of_dead).error().code, Errc::gone);
    EXPECT_EQ(sampler.counters[SamplerCounter::opens_failed], 3u);
  });
}

TEST_F(OpenerTest, APerfMapMustBeTheTargetsOwnPlainFile) {
  const Process target;
  const std::string path = "/tmp/perf-" + std::to_string(target.pid()) + ".map";
  const auto write_file = [](const std::string& name, uid_t owner, mode_t mode) {
    std::ofstream(name) << "1000 10 f\n";
    EXPECT_EQ(chown(name.c_str(), owner, owner), 0);
    EXPECT_EQ(chmod(name.c_str(), mode), 0);
  };
  const auto opened = [&] {
    std::string outcome;
    int results[2];
    EXPECT_EQ(pipe(results), 0);
    in_sampler([&](Sampler sampler) {
      const auto reply = sampler.open(request_for(target.pid(), OpenOperation::perf_map));
      const std::string text = reply ? "opened: " + read_all(reply->file) : reply.error().message;
      EXPECT_EQ(write(results[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    });
    close(results[1]);
    outcome = read_all(results[0]);
    close(results[0]);
    return outcome;
  };
  EXPECT_EQ(opened(), "no such file");
  write_file(path, kTargetUid, 0600);
  EXPECT_EQ(opened(), "opened: 1000 10 f\n");
  write_file(path, 0, 0644);
  EXPECT_EQ(opened(), "opened: 1000 10 f\n") << "root's, and anybody may read it";
  write_file(path, 0, 0600);
  EXPECT_THAT(opened(), HasSubstr("neither the target's own")) << "a secret of root's, mounted or linked there";
  write_file(path, kTargetUid + 1, 0644);
  EXPECT_THAT(opened(), HasSubstr("neither the target's own"));
  unlink(path.c_str());
  ASSERT_EQ(symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_THAT(opened(), HasSubstr("symbolic link"));
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0644), 0);
  EXPECT_EQ(opened(), "not a regular file");
  unlink(path.c_str());
}

TEST_F(OpenerTest, DebugFilesAreFoundInTheTargetsRootOnly) {
  char root[] = "/tmp/splitprof-root-XXXXXX";
  ASSERT_NE(mkdtemp(root), nullptr);
  chmod(root, 0755);
  const std::string folder = std::string(root) + "/usr/lib/debug/.build-id/ab";
  ASSERT_EQ(system(("mkdir -p " + folder).c_str()), 0);
  std::ofstream(folder + "/cd01.debug") << "debug";
  ASSERT_EQ(symlink("/cd01.debug", (folder + "/cd02.debug").c_str()), 0);  // within the root: not there
  ASSERT_EQ(symlink("../../../../../../../../etc/passwd", (folder + "/cd03.debug").c_str()), 0);
  const Process target([&] { EXPECT_EQ(chroot(root), 0); });
  in_sampler([&](Sampler sampler) {
    auto request = request_for(target.pid(), OpenOperation::debug_file);
    request.build_id_bytes = 3;
    const uint8_t build_id[] = {0xab, 0xcd, 0x01};
    memcpy(request.build_id, build_id, 3);
    const auto reply = sampler.open(request);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(read_all(reply->file), "debug");
    for (const uint8_t last : {2, 3}) {
      request.build_id[2] = last;
      EXPECT_EQ(sampler.open(request).error().code, Errc::not_found) << int{last};
    }
    request.build_id_bytes = 1;
    EXPECT_EQ(sampler.open(request).error().code, Errc::malformed);
    request.build_id_bytes = kMaxBuildIdBytes + 1;
    EXPECT_EQ(sampler.open(request).error().code, Errc::malformed);
  });
  ASSERT_EQ(system(("rm -r " + std::string(root)).c_str()), 0);
}

TEST_F(OpenerTest, DebugLinksAreFollowedWhereDebuggersLookAndNowhereElse) {
  char root[] = "/tmp/splitprof-root-XXXXXX";
  ASSERT_NE(mkdtemp(root), nullptr);
  chmod(root, 0755);
  const std::string top = root;
  ASSERT_EQ(system(("mkdir -p " + top + "/opt/app/.debug " + top + "/usr/lib/debug/opt/app " + top +
                    "/usr/lib/debug/.dwz/cpu")
                       .c_str()),
            0);
  std::ofstream(top + "/opt/app/program") << std::string(4096, 'x');
  std::ofstream(top + "/opt/app/beside.debug") << "beside";
  std::ofstream(top + "/opt/app/.debug/below.debug") << "below";
  std::ofstream(top + "/usr/lib/debug/opt/app/far.debug") << "far";
  std::ofstream(top + "/usr/lib/debug/.dwz/cpu/common.debug") << "common";
  std::ofstream(top + "/opt/secret") << "secret";
  ASSERT_EQ(symlink("../secret", (top + "/opt/app/link.debug").c_str()), 0);
  std::ofstream(top + "/opt/app/private.debug") << "private";
  chmod((top + "/opt/app/private.debug").c_str(), 0600);

  constexpr uint64_t kPlace = 0x100000000;
  const Process target([&] {
    EXPECT_EQ(chroot(root), 0);
    const int program = open("/opt/app/program", O_RDONLY);
    EXPECT_EQ(mmap(reinterpret_cast<void*>(kPlace), 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, program, 0),
              reinterpret_cast<void*>(kPlace));
    close(program);
  });
  in_sampler([&](Sampler sampler) {
    const auto found = [&](OpenOperation operation, std::string_view name) -> std::string {
      auto request = request_for(target.pid(), operation);
      request.start = kPlace;
      request.end = kPlace + 4096;
      request.file_name_bytes = static_cast<uint32_t>(name.size());
      memcpy(request.file_name, name.data(), std::min(name.size(), sizeof(request.file_name)));
      const auto reply = sampler.open(request);
      if (reply) return read_all(reply->file);
      return reply.error().code == Errc::malformed ? "malformed" : "none";
    };
    EXPECT_EQ(found(OpenOperation::debug_link, "beside.debug"), "beside");
    EXPECT_EQ(found(OpenOperation::debug_link, "below.debug"), "below");
    EXPECT_EQ(found(OpenOperation::debug_link, "far.debug"), "far");
    EXPECT_EQ(found(OpenOperation::debug_link, "program"), "none") << "never the file itself";
    EXPECT_EQ(found(OpenOperation::debug_link, "link.debug"), "none") << "no symbolic link beside the file";
    EXPECT_EQ(found(OpenOperation::debug_link, "private.debug"), "none") << "root's, and not for everybody";
    EXPECT_EQ(found(OpenOperation::debug_link, "absent.debug"), "none");
    EXPECT_EQ(found(OpenOperation::dwz_file, "cpu/common.debug"), "common");
    EXPECT_EQ(found(OpenOperation::dwz_file, "common.debug"), "none");
    for (const std::string_view name : {"", ".", "..", "../secret", ".debug/below.debug", "/opt/secret"})
      EXPECT_EQ(found(OpenOperation::debug_link, name), "malformed") << name;
    for (const std::string_view name : {"", "..", "../x", "cpu/..", "cpu/x/y", "/x", "cpu/"})
      EXPECT_EQ(found(OpenOperation::dwz_file, name), "malformed") << name;
  });
  ASSERT_EQ(system(("rm -r " + top).c_str()), 0);
}

TEST_F(OpenerTest, ADeniedExecutableIsNeverOpened) {
  const Process target;
  const auto self = identity_of("/proc/self/exe");
  OpenerOptions options;
  ASSERT_TRUE(add_deny_rule(options.deny, "exe=/proc/self/exe"));
  in_sampler(
      [&](Sampler sampler) {
        for (const auto operation : {OpenOperation::memory, OpenOperation::describe})
          EXPECT_EQ(sampler.open(request_for(target.pid(), operation)).error().code, Errc::denied);
        EXPECT_EQ(sampler.open(request_for_executable(target.pid(), self)).error().code, Errc::denied);
      },
      options);
}

TEST_F(OpenerTest, AnExecutableIsTakenOnlyWhileItIsTheOneThatWasSeen) {
  const Process target;
  const auto self = identity_of("/proc/self/exe"), other = identity_of("/bin/sh");
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  in_sampler([&](Sampler sampler) {
    EXPECT_EQ(sampler.open(request_for_executable(target.pid(), other)).error().code, Errc::gone);
    auto device = self;
    device.device ^= 1;  // the same inode number on another file system
    EXPECT_EQ(sampler.open(request_for_executable(target.pid(), device)).error().code, Errc::gone);
    EXPECT_EQ(sampler.open(request_for_executable(dead, self)).error().code, Errc::gone);
    // Openers remember mounts: the second round of answers is the first one's.
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(sampler.open(request_for_executable(target.pid(), self))) << i;
    EXPECT_EQ(sampler.open(request_for_executable(target.pid(), device)).error().code, Errc::gone);
  });
}

TEST_F(OpenerTest, FilesOfForeignFileSystemsStayShut) {
  HostileTarget hostile;
  if (hostile.pid() == 0) GTEST_SKIP() << "no FUSE here";
  in_sampler([&](Sampler sampler) {
    auto request = request_for(hostile.pid(), OpenOperation::mapping);
    request.start = HostileTarget::kMapped;
    request.end = request.start + HostileTarget::kMappedBytes;
    const auto reply = sampler.open(request);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().message, "not on a local file system");
  });
}

TEST_F(OpenerTest, ATargetThatNeverAnswersCostsItsOwnOpensOnly) {
  HostileTarget hostile;
  if (hostile.pid() == 0) GTEST_SKIP() << "no FUSE here";
  const auto memory = request_for(hostile.pid(), OpenOperation::memory);
  auto mappings = memory;
  mappings.operation = OpenOperation::mappings;
  const Process kind;
  hostile.hang_in_execve();  // from now on even reading /proc/PID/stat hangs (Linux 6.18)
  in_sampler([&](Sampler sampler) {
    const auto openers = sampler.opener.pids();
    const auto begin = steady_clock::now();
    auto first = sampler.opener.open(memory);
    auto second = sampler.opener.open(mappings);
    EXPECT_TRUE(sampler.open(request_for(kind.pid(), OpenOperation::memory))) << "others are served meanwhile";
    EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(200));

    EXPECT_EQ(first.wait(sampler.io.waitScope).error().code, Errc::timed_out);
    EXPECT_EQ(second.wait(sampler.io.waitScope).error().code, Errc::timed_out);
    const auto took = steady_clock::now() - begin;
    EXPECT_GE(took, std::chrono::milliseconds(250));
    EXPECT_LT(took, std::chrono::milliseconds(600));
    EXPECT_EQ(sampler.counters[SamplerCounter::opens_timed_out], 2u);

    const auto again = steady_clock::now();
    EXPECT_EQ(sampler.open(memory).error().code, Errc::timed_out);
    EXPECT_LT(steady_clock::now() - again, std::chrono::milliseconds(50)) << "refused without trying";
    EXPECT_EQ(sampler.counters[SamplerCounter::opens_refused], 1u);

    // The openers that hung are dead and have successors.
    sampler.io.provider->getTimer().afterDelay(300 * kj::MILLISECONDS).wait(sampler.io.waitScope);
    const auto now = sampler.opener.pids();
    EXPECT_EQ(now.size(), 1 + kOpeners);
    size_t same = 0;
    for (const pid_t pid : now) same += std::count(openers.begin(), openers.end(), pid);
    EXPECT_EQ(same, 1 + kOpeners - 2);
    EXPECT_EQ(sampler.counters[SamplerCounter::openers_stuck], 0u);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(sampler.open(request_for(kind.pid(), OpenOperation::memory)));
    EXPECT_FALSE(sampler.opener.ended());
  });
}

TEST_F(OpenerTest, AnOpenerThatEndsIsReplaced) {
  const Process target;
  // The sampler tells its openers' numbers and waits while they are killed from outside: it may not kill by itself.
  int numbers[2], go[2];
  ASSERT_EQ(pipe(numbers), 0);
  ASSERT_EQ(pipe(go), 0);
  const pid_t killer = fork();
  if (killer == 0) {
    std::array<pid_t, 1 + kOpeners> pids{};
    if (read(numbers[0], pids.data(), sizeof(pids)) != sizeof(pids)) _exit(1);
    for (size_t i = 1; i < pids.size(); ++i) kill(pids[i], SIGKILL);
    _exit(write(go[1], "x", 1) == 1 ? 0 : 1);
  }
  in_sampler([&](Sampler sampler) {
    const auto pids = sampler.opener.pids();
    char byte;
    EXPECT_GT(write(numbers[1], pids.data(), pids.size() * sizeof(pid_t)), 0);
    EXPECT_EQ(read(go[0], &byte, 1), 1);
    EXPECT_EQ(sampler.open(request_for(target.pid(), OpenOperation::memory)).error().code, Errc::timed_out);
    const Process* other = &target;
    auto request = request_for(other->pid(), OpenOperation::kernel_symbols);
    request.pid = 0;
    for (size_t i = 0; i < 2 * kOpeners; ++i) {
      const auto reply = sampler.open(request);  // those still dead answer nothing; they are replaced one by one
      if (reply) continue;
      EXPECT_EQ(reply.error().code, Errc::timed_out);
    }
    EXPECT_TRUE(sampler.open(request));
    EXPECT_GE(sampler.counters[SamplerCounter::openers_lost], 1u);
  });
  waitpid(killer, nullptr, 0);
  for (const int fd : {numbers[0], numbers[1], go[0], go[1]}) close(fd);
}

TEST_F(OpenerTest, TooManyWaitingOpensAreRefusedAtOnceAndAllOthersAnswered) {
  const Process target;
  in_sampler([&](Sampler sampler) {
    constexpr size_t kAsked = 2'000;
    std::vector<kj::Promise<Result<OpenReply>>> promises;
    for (size_t i = 0; i < kAsked; ++i)
      promises.push_back(sampler.opener.open(request_for(target.pid(), OpenOperation::mappings)));
    size_t opened = 0;
    for (auto& promise : promises) {
      const auto reply = promise.wait(sampler.io.waitScope);
      opened += reply.has_value();
      if (!reply) {
        EXPECT_EQ(reply.error().code, Errc::too_large);
      }
    }
    EXPECT_GE(opened, kMaxQueuedOpens);
    EXPECT_EQ(opened + sampler.counters[SamplerCounter::opens_queue_full], kAsked);
  });
}

TEST_F(OpenerTest, NothingIsLeftWhenTheSamplerIsGone) {
  int numbers[2];
  ASSERT_EQ(pipe(numbers), 0);
  std::array<pid_t, 1 + kOpeners> pids{};
  in_sampler([&](Sampler sampler) {
    const auto own = sampler.opener.pids();
    EXPECT_EQ(write(numbers[1], own.data(), own.size() * sizeof(pid_t)), ssize_t{sizeof(pids)});
  });
  ASSERT_EQ(read(numbers[0], pids.data(), sizeof(pids)), ssize_t{sizeof(pids)});
  // Its children are orphans now: gone, or zombies where nobody reaps.
  const auto ended = [](pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    return !(stat >> number >> name >> state) || state == "Z";
  };
  for (int i = 0; i < 200 && !std::all_of(pids.begin(), pids.end(), ended); ++i) usleep(10'000);
  for (const pid_t pid : pids) EXPECT_TRUE(ended(pid)) << pid;
  close(numbers[0]);
  close(numbers[1]);
}

TEST_F(OpenerTest, AnOpenIsQuick) {
  const Process target;
  in_sampler([&](Sampler sampler) {
    constexpr int kOpens = 2'000;
    const auto request = request_for(target.pid(), OpenOperation::memory);
    const auto begin = steady_clock::now();
    for (int i = 0; i < kOpens; ++i) ASSERT_TRUE(sampler.open(request));
    const auto took = std::chrono::duration<double, std::micro>(steady_clock::now() - begin).count() / kOpens;
    printf("open of mem through an opener: %.1f us\n", took);
    EXPECT_LT(took, 5'000) << "1,000 execs a second are four openers' work, each below 4 ms";
  });
}

}  // namespace
}  // namespace splitprof
