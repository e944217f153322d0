// SPDX-License-Identifier: Apache-2.0
#include "processor/command/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shared/check.h"

namespace splitprof {
namespace {

// How long a killed child may take; one that hangs in the kernel is left to init.
constexpr int kKilledMs = 3000;

// Whatever our own caller left open must not reach a daemon. CLOSE_RANGE_CLOEXEC came with 5.11; before, one by one.
void close_on_exec_from_3() {
  constexpr unsigned kCloseRangeCloexec = 4;
  if (syscall(SYS_close_range, 3u, ~0u, kCloseRangeCloexec) == 0) return;
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  for (int fd = 3; fd < static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536)); fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// What a daemon may know of our environment: how to find the time zone and how to talk to a terminal or a journal.
std::vector<std::string> clean_environment() {
  std::vector<std::string> kept = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  for (const char* name : {"TERM", "TZ", "LANG", "NO_COLOR", "JOURNAL_STREAM", "ASAN_OPTIONS", "UBSAN_OPTIONS"})
    if (const char* value = std::getenv(name); value != nullptr) kept.push_back(std::string(name) + "=" + value);
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (auto& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void run_child(const ChildPlan& plan, int hold_fd, char** arguments, char** environment) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (plan.own_group) setpgid(0, 0);
  close_on_exec_from_3();
  for (const int fd : plan.inherit) fcntl(fd, F_SETFD, 0);
  if (hold_fd >= 0) {
    char go = 0;
    if (read(hold_fd, &go, 1) != 1) _exit(125);  // nobody will say go any more
  }
  if (!become(plan.user)) {
    std::fprintf(stderr, "splitprof: cannot become user %u: %s\n", plan.user.uid, std::strerror(errno));
    _exit(126);
  }
  if (environment != nullptr) {
    execve(plan.program.c_str(), arguments, environment);
  } else {
    execvp(plan.program.c_str(), arguments);
  }
  std::fprintf(stderr, "splitprof: cannot run %s: %s\n", plan.program.c_str(), std::strerror(errno));
  _exit(127);
}

}  // namespace

Result<Child> Child::start(const ChildPlan& plan) {
  int hold[2] = {-1, -1};
  if (plan.held && pipe2(hold, O_CLOEXEC) != 0) return fail(Errc::io, "pipe: {}", std::strerror(errno));
  // Everything that allocates happens before the fork.
  std::vector<std::string> arguments = {plan.program};
  arguments.insert(arguments.end(), plan.arguments.begin(), plan.arguments.end());
  auto environment = clean_environment();
  auto argument_pointers = pointers(arguments);
  auto environment_pointers = pointers(environment);
  const pid_t pid = fork();
  if (pid == 0) {
    if (plan.held) close(hold[1]);
    run_child(plan, hold[0], argument_pointers.data(), plan.clean_environment ? environment_pointers.data() : nullptr);
  }
  if (plan.held) close(hold[0]);
  kj::AutoCloseFd hold_fd(hold[1]);
  if (pid < 0) return fail(Errc::io, "fork: {}", std::strerror(errno));
  Child child;
  child.pid_ = pid;
  child.ended_ = false;
  child.hold_ = kj::mv(hold_fd);
  return child;
}

Child::Child(Child&& other) noexcept {
  *this = std::move(other);
}

Child& Child::operator=(Child&& other) noexcept {
  CHECK(ended_);
  pid_ = other.pid_;
  ended_ = std::exchange(other.ended_, true);
  status_ = other.status_;
  usage_ = other.usage_;
  hold_ = kj::mv(other.hold_);
  return *this;
}

Child::~Child() {
  if (ended_) return;
  signal(SIGKILL);
  wait_ms(kKilledMs);
}

void Child::release() {
  if (hold_.get() < 0) return;
  // The child reads one byte; if it has died meanwhile its end tells the story.
  if (write(hold_.get(), "g", 1) != 1) ended_ = ended_ || has_ended();
  hold_ = kj::AutoCloseFd();
}

void Child::signal(int number) {
  if (!ended_) kill(pid_, number);  // not reaped yet: the pid is still ours
}

bool Child::has_ended() {
  if (!ended_ && wait4(pid_, &status_, WNOHANG, &usage_) == pid_) ended_ = true;
  return ended_;
}

bool Child::wait_ms(int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!has_ended() && std::chrono::steady_clock::now() < deadline) poll(nullptr, 0, 5);
  return ended_;
}

int Child::exit_status() const {
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

std::string Child::describe_end() const {
  if (WIFEXITED(status_)) return fmt::format("exit status {}", WEXITSTATUS(status_));
  return fmt::format("signal {} ({})", WTERMSIG(status_), strsignal(WTERMSIG(status_)));
}

}  // namespace splitprof
