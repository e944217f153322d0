// SPDX-License-Identifier: Apache-2.0
#include "processor/command/record.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>

#include "processor/command/child.h"
#include "processor/command/launch.h"
#include "processor/command/outputs.h"
#include "processor/command/process_cost.h"
#include "processor/command/progress.h"
#include "processor/export/summary.h"

namespace splitprof {
namespace {

// Symbols of a large host are read after the last sample; nobody waits longer than this for the outputs.
constexpr int kFinishSeconds = 120;
// A processor closes its summary when all is written. One whose thread hangs in a read of a profiled process's memory
// (a page of a file system that does not answer) cannot end then, not by SIGKILL either.
constexpr int kProcessorEndMs = 3000;
// The sampler ends by itself once its peer is gone.
constexpr int kSamplerEndMs = 3000;
constexpr int kCommandEndMs = 2000;

uint64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

class Recording {
 public:
  Recording(const RecordOptions& options, uint64_t started_ns)
      : options_(options), started_ns_(started_ns), user_(find_invoking_user()), line_(options.quiet) {}

  Result<> start();
  void run();
  int finish();

 private:
  Result<> open_files();
  Result<> watch_signals();
  Result<> start_command();
  Result<> start_sampler(int connection_fd);
  Result<> start_processor(int sampler_fd);
  void take_signals();
  void stop(const char* why);
  void each_second();
  bool report();
  double elapsed_seconds() const { return static_cast<double>(now_ns() - started_ns_) / 1e9; }

  const RecordOptions& options_;
  const uint64_t started_ns_;
  const InvokingUser user_;
  std::vector<OutputFile> files_, summaries_;
  kj::AutoCloseFd signals_, timer_;
  std::optional<Ends> progress_pipe_, summary_pipe_;
  std::optional<Child> sampler_, processor_, command_;
  CostWatch costs_;
  ProgressReader progress_;
  ProgressLine line_;
  std::string summary_;
  uint64_t stopped_ns_ = 0;  // when the end was asked for; 0: not yet
  int interrupts_ = 0;
  bool killed_ = false;
};

Result<> Recording::open_files() {
  std::vector<std::string> outputs = options_.outputs, summaries = options_.summaries;
  if (!options_.all_formats.empty()) {
    TRY(make_folder(options_.all_formats, user_));
    const NamesOfAllFormats all = all_formats_in(options_.all_formats);
    outputs.insert(outputs.end(), all.outputs.begin(), all.outputs.end());
    summaries.insert(summaries.end(), all.summaries.begin(), all.summaries.end());
  }
  files_ = TRY(open_outputs(outputs, user_));
  for (const auto& path : summaries) {
    auto file = TRY(open_for_writing(path, user_));
    summaries_.push_back({path, "", kj::mv(file)});
  }
  return Ok{};
}

Result<> Recording::watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_ = kj::AutoCloseFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  timer_ = kj::AutoCloseFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec every_second = {{1, 0}, {1, 0}};
  if (signals_.get() < 0 || timer_.get() < 0 || timerfd_settime(timer_.get(), 0, &every_second, nullptr) != 0)
    return fail(Errc::io, "cannot watch signals and time: {}", std::strerror(errno));
  return Ok{};
}

Result<> Recording::start_command() {
  if (options_.command.empty()) return Ok{};
  ChildPlan plan{.program = options_.command.front(), .arguments = {}, .inherit = {}, .user = user_};
  plan.arguments.assign(options_.command.begin() + 1, options_.command.end());
  plan.own_group = false;  // it belongs to the terminal, Ctrl-C included
  plan.clean_environment = false;
  plan.held = true;  // until sampling has begun
  command_ = TRY(Child::start(plan));
  return Ok{};
}

Result<> Recording::start_sampler(int connection_fd) {
  ChildPlan plan{.program = TRY(find_daemon("splitprof-sampler")),
                 .arguments = {"--connection-fd", std::to_string(connection_fd)},
                 .inherit = {connection_fd},
                 .user = {}};
  for (const auto& deny : options_.deny) plan.arguments.insert(plan.arguments.end(), {"--deny", deny});
  if (!options_.log_level.empty()) plan.arguments.insert(plan.arguments.end(), {"--log-level", options_.log_level});
  sampler_ = TRY(Child::start(plan));
  costs_.add(sampler_->pid(), "sampler");
  return Ok{};
}

Result<> Recording::start_processor(int sampler_fd) {
  const int progress_fd = progress_pipe_->theirs.get(), summary_fd = summary_pipe_->theirs.get();
  ChildPlan plan{.program = TRY(find_daemon("splitprof-processor")),
                 .arguments = {"--sampler-fd", std::to_string(sampler_fd), "--summary-fd", std::to_string(summary_fd),
                               "--progress-fd", std::to_string(progress_fd), "--hz", std::to_string(options_.hz)},
                 .inherit = {sampler_fd, progress_fd, summary_fd},
                 .user = {}};
  const auto add = [&plan](const char* flag, const std::string& value) {
    plan.arguments.insert(plan.arguments.end(), {flag, value});
  };
  for (const auto& file : files_) {
    if (is_capture(file))
      add("--capture-fd", std::to_string(file.fd.get()));
    else
      add("--output", fmt::format("{}:{}", file.format, file.fd.get()));
    plan.inherit.push_back(file.fd.get());
  }
  for (const uint32_t pid : options_.pids) add("--pid", std::to_string(pid));
  if (command_) add("--pid", std::to_string(command_->pid()));
  if (options_.duration_seconds > 0) add("--duration", fmt::format("{}", options_.duration_seconds));
  add("--capture-limit", std::to_string(options_.capture_limit_mib));
  if (!options_.log_level.empty()) add("--log-level", options_.log_level);
  processor_ = TRY(Child::start(plan));
  costs_.add(processor_->pid(), "processor");
  return Ok{};
}

Result<> Recording::start() {
  TRY(open_files());
  TRY(watch_signals());
  TRY(start_command());  // first: while it is held it keeps whatever is open, and nothing is yet
  progress_pipe_ = TRY(make_pipe());
  summary_pipe_ = TRY(make_pipe());
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Errc::io, "socketpair: {}", std::strerror(errno));
  const kj::AutoCloseFd sampler_end(ends[0]), processor_end(ends[1]);
  TRY(start_sampler(sampler_end.get()));
  TRY(start_processor(processor_end.get()));
  costs_.add(getpid(), "launcher");
  // Only the processor writes from here on: its end is the pipes' end. The files are its own now, too.
  progress_pipe_->theirs = kj::AutoCloseFd();
  summary_pipe_->theirs = kj::AutoCloseFd();
  for (auto& file : files_) file.fd = kj::AutoCloseFd();
  return Ok{};
}

void Recording::stop(const char* why) {
  if (stopped_ns_ != 0) return;
  stopped_ns_ = now_ns();
  line_.clear();
  if (!options_.quiet) std::fprintf(stderr, "%s: writing what there is (Ctrl-C again: give up)\n", why);
  processor_->signal(SIGINT);
}

void Recording::take_signals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) continue;  // the loop looks at its children anyway
    if (++interrupts_ > 1) {
      killed_ = true;
      return;
    }
    if (command_ && info.ssi_signo != SIGINT) command_->signal(SIGTERM);
    stop(info.ssi_signo == SIGINT ? "interrupted" : "asked to end");
  }
}

void Recording::each_second() {
  uint64_t expirations = 0;
  if (read(timer_.get(), &expirations, sizeof(expirations)) != sizeof(expirations)) return;
  costs_.look();
  if (stopped_ns_ == 0) line_.show(elapsed_seconds(), progress_, costs_.cpu_seconds());
}

void Recording::run() {
  bool progress_open = true, summary_open = true;
  while (!killed_) {
    std::array<pollfd, 4> waits = {{{signals_.get(), POLLIN, 0},
                                    {timer_.get(), POLLIN, 0},
                                    {progress_open ? progress_pipe_->ours.get() : -1, POLLIN, 0},
                                    {summary_open ? summary_pipe_->ours.get() : -1, POLLIN, 0}}};
    poll(waits.data(), waits.size(), 1000);
    if (progress_open) {
      std::string bytes;
      progress_open = read_available(progress_pipe_->ours.get(), bytes);
      progress_.feed(bytes);
      if (command_ && progress_.has_message()) command_->release();
    }
    if (summary_open) summary_open = read_available(summary_pipe_->ours.get(), summary_);
    take_signals();
    each_second();
    if (command_ && command_->has_ended()) stop("COMMAND has ended");
    sampler_->has_ended();  // takes note; the processor then ends by itself, with what it has
    if (!summary_open) {
      processor_->wait_ms(kProcessorEndMs);
      break;
    }
    if (stopped_ns_ != 0 && now_ns() - stopped_ns_ > kFinishSeconds * 1000000000ull) {
      line_.clear();
      std::fprintf(stderr, "splitprof: the processor did not finish within %d s and is killed\n", kFinishSeconds);
      killed_ = true;
    }
  }
  line_.clear();
}

int Recording::finish() {
  if (killed_) processor_->signal(SIGKILL);
  if (!processor_->wait_ms(kSamplerEndMs)) {
    processor_->signal(SIGKILL);
    std::fputs("splitprof: the processor ends later: it waits for a page of a profiled process\n", stderr);
  }
  if (!sampler_->wait_ms(kSamplerEndMs)) sampler_->signal(SIGTERM);
  if (!sampler_->wait_ms(kSamplerEndMs)) sampler_->signal(SIGKILL);
  sampler_->wait_ms(kSamplerEndMs);
  if (command_ && !command_->has_ended()) {
    command_->signal(SIGTERM);
    if (!command_->wait_ms(kCommandEndMs)) command_->signal(SIGKILL);
    command_->wait_ms(kCommandEndMs);
  }
  costs_.finish(sampler_->pid(), sampler_->usage());
  costs_.finish(processor_->pid(), processor_->usage());

  bool good = true;
  for (const auto* child : {&*sampler_, &*processor_}) {
    if (child->exit_status() == 0) continue;
    good = false;
    std::fprintf(stderr, "splitprof: the %s ended with %s\n", child == &*sampler_ ? "sampler" : "processor",
                 child->describe_end().c_str());
  }
  return report() && good ? (command_ ? command_->exit_status() : 0) : 1;
}

// Completes the processor's summary with what only the launcher knows. It comes from a process that is not trusted, so
// everything in it is checked by type and made harmless before it is printed.
bool Recording::report() {
  auto summary = summary_from_json(summary_);
  if (!summary.has_value()) {
    std::fprintf(stderr, "splitprof: the processor left no summary (%s)\n", summary.error().message.c_str());
    return false;
  }
  summary->processes = costs_.costs();
  summary->start_up.started_ns = started_ns_;
  if (command_) summary->target = options_.command.front();
  if (!options_.quiet) {
    print_terminal_summary(*summary, stderr, isatty(STDERR_FILENO) == 1);
    for (const auto& file : files_) std::fprintf(stderr, "  wrote       %s\n", file.path.c_str());
  }
  bool written = true;
  for (const auto& [path, format, fd] : summaries_) {
    const std::string text = path.ends_with(".json") ? to_json(*summary) : terminal_summary(*summary, false);
    if (write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) continue;
    std::fprintf(stderr, "splitprof: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
    written = false;
  }
  return written;
}

}  // namespace

int record(const RecordOptions& options, uint64_t started_ns) {
  if (geteuid() != 0) {
    std::fputs(
        "splitprof: recording needs root to start (it is given up at once): sudo splitprof record …\n"
        "           `splitprof check` tells what this host allows\n",
        stderr);
    return 1;
  }
  Recording recording(options, started_ns);
  if (const auto started = recording.start(); !started.has_value()) {
    std::fprintf(stderr, "splitprof: %s\n", started.error().message.c_str());
    return 1;
  }
  recording.run();
  return recording.finish();
}

}  // namespace splitprof
