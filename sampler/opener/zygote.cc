// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/zygote.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "sampler/opener/open_request.h"
#include "sampler/opener/open_target.h"

namespace splitprof {
namespace {

// A killed opener that sleeps on a FUSE mount is gone after 10 ms (Linux 6.18); one that is not after 200 ms is stuck.
constexpr int kDeathChecks = 40;
constexpr timespec kDeathCheckPause = {.tv_sec = 0, .tv_nsec = 5'000'000};

[[noreturn]] void die(const char* what, const Error& error) {
  fprintf(stderr, "<3>%s: %s\n", what, error.message.c_str());
  _exit(1);
}

[[noreturn]] void serve(int socket, const OpenerOptions& options) {
  Mounts mounts(options.file_systems);
  for (;;) {
    OpenRequest request;
    kj::AutoCloseFd unexpected;
    const auto bytes = std::as_writable_bytes(std::span(&request, 1));
    const ssize_t got = receive_packet(socket, bytes, unexpected);
    if (got <= 0) _exit(got == 0 ? 0 : 1);  // the sampler is gone
    if (got != sizeof(request)) _exit(1);
    Opened opened = open_target(request, options.deny, mounts);
    OpenAnswer answer{.id = request.id, .failure = opened.failure, .error = opened.error};
    iovec parts[4] = {{&answer, sizeof(answer)}};
    for (size_t i = 0; i < 3; ++i) {
      answer.text_bytes[i] = opened.texts[i].size();
      parts[i + 1] = {opened.texts[i].data(), opened.texts[i].size()};
    }
    if (!send_packet(socket, parts, opened.file)) _exit(1);
  }
}

class ZygoteLoop {
 public:
  ZygoteLoop(int control, std::array<kj::AutoCloseFd, kOpeners>& sockets, const OpenerOptions& options)
      : control_(control), sockets_(sockets), options_(options), pid_(getpid()) {}

  [[noreturn]] void run() {
    for (uint32_t slot = 0; slot < kOpeners; ++slot) replace(slot);
    for (;;) {
      ReplaceOpener command;
      kj::AutoCloseFd unexpected;
      const ssize_t got = receive_packet(control_, std::as_writable_bytes(std::span(&command, 1)), unexpected);
      if (got != sizeof(command) || command.slot >= kOpeners) break;  // 0: the sampler is gone
      replace(command.slot);
    }
    for (const pid_t opener : openers_)
      if (opener > 0) kill(opener, SIGKILL);
    _exit(0);
  }

 private:
  void replace(uint32_t slot) {
    OpenerReplaced report{.slot = slot};
    std::erase_if(stuck_, [](pid_t opener) { return waitpid(opener, nullptr, WNOHANG) == opener; });
    if (openers_[slot] > 0) {
      report.was_dead = waitpid(openers_[slot], nullptr, WNOHANG) == openers_[slot];
      if (!report.was_dead && !end(openers_[slot])) stuck_.push_back(openers_[slot]);
      openers_[slot] = 0;
    }
    report.stuck = stuck_.size();
    if (stuck_.size() < kMaxStuckOpeners) report.pid = openers_[slot] = fork_opener(slot);
    const iovec part{&report, sizeof(report)};
    if (!send_packet(control_, {&part, 1})) _exit(1);
  }

  static bool end(pid_t opener) {
    kill(opener, SIGKILL);
    for (int i = 0; i < kDeathChecks; ++i) {
      if (waitpid(opener, nullptr, WNOHANG) == opener) return true;
      nanosleep(&kDeathCheckPause, nullptr);
    }
    return false;
  }

  pid_t fork_opener(uint32_t slot) {
    const pid_t opener = fork();
    if (opener != 0) return std::max(opener, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != pid_) _exit(0);  // the zygote ended before that took effect
    prctl(PR_SET_NAME, "splitprof-open", 0, 0, 0);
    close(control_);
    for (uint32_t other = 0; other < kOpeners; ++other)
      if (other != slot) sockets_[other] = nullptr;
    if (const auto result = install_seccomp(Role::opener); !result) die("opener", result.error());
    serve(sockets_[slot], options_);
  }

  const int control_;
  std::array<kj::AutoCloseFd, kOpeners>& sockets_;
  const OpenerOptions& options_;
  const pid_t pid_;
  std::array<pid_t, kOpeners> openers_{};
  std::vector<pid_t> stuck_;
};

// An inherited socket would stay open in here after the sampler has closed it. This early all numbers are small.
void close_all_but(const std::vector<int>& kept) {
  for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd)
    if (std::find(kept.begin(), kept.end(), fd) == kept.end()) close(fd);
}

struct Pair {
  kj::AutoCloseFd sampler, zygote;
};

Result<Pair> make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Errc::io, "socketpair: {}", strerror(errno));
  return Pair{kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

}  // namespace

Result<Zygote> start_zygote(const StartPrivileges& start, const OpenerOptions& options) {
  auto [control, zygote_control] = TRY(make_pair());
  Zygote zygote;
  std::array<kj::AutoCloseFd, kOpeners> sockets;
  for (size_t i = 0; i < kOpeners; ++i) {
    auto pair = TRY(make_pair());
    zygote.openers[i] = kj::mv(pair.sampler);
    sockets[i] = kj::mv(pair.zygote);
  }
  zygote.pid = fork();
  if (zygote.pid < 0) return fail(Errc::io, "fork: {}", strerror(errno));
  if (zygote.pid == 0) {
    std::vector<int> kept{zygote_control};
    for (const auto& socket : sockets) kept.push_back(socket);
    close_all_but(kept);
    // Ctrl-C and systemd's SIGTERM are for the sampler; it closes `control` when it ends.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
    prctl(PR_SET_NAME, "splitprof-zyg", 0, 0, 0);
    if (const auto result = drop_to(Role::zygote, start); !result) die("zygote", result.error());
    if (const auto result = install_seccomp(Role::zygote); !result) die("zygote", result.error());
    ZygoteLoop(zygote_control, sockets, options).run();
  }
  zygote_control = nullptr;
  sockets = {};
  for (size_t i = 0; i < kOpeners; ++i) {
    OpenerReplaced started;
    kj::AutoCloseFd unexpected;
    const auto bytes = std::as_writable_bytes(std::span(&started, 1));
    if (receive_packet(control, bytes, unexpected) != sizeof(started) || started.slot >= kOpeners || started.pid <= 0)
      return fail(Errc::io, "the zygote did not start");
    zygote.opener_pids[started.slot] = started.pid;
  }
  zygote.control = kj::mv(control);
  return zygote;
}

}  // namespace splitprof
