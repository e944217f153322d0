// SPDX-License-Identifier: Apache-2.0
#include "processor/command/report.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "processor/command/child.h"
#include "processor/command/launch.h"
#include "processor/command/outputs.h"
#include "processor/export/summary.h"

namespace splitprof {
namespace {

// The processor with a capture, from its start to its end.
class Replay {
 public:
  Result<> open(const std::string& path) {
    const AsUser as_user(user_);
    capture_ = kj::AutoCloseFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (capture_.get() < 0) return fail(Errc::io, "cannot read {}: {}", path, std::strerror(errno));
    plan_.program = TRY(find_daemon("splitprof-processor"));
    plan_.own_group = false;  // Ctrl-C ends both
    pass("--replay-fd", "", capture_.get());
    return Ok{};
  }
  void flag(const char* name) { plan_.arguments.emplace_back(name); }
  void flag(const char* name, const std::string& value) {
    plan_.arguments.insert(plan_.arguments.end(), {name, value});
  }
  // "FLAG PREFIXdescriptor"
  void pass(const char* name, const std::string& prefix, int fd) {
    flag(name, fmt::format("{}{}", prefix, fd));
    plan_.inherit.push_back(fd);
  }
  const InvokingUser& user() const { return user_; }

  // Its exit status; `said` is what came through the descriptor that `what_it_says` names.
  Result<int> run(const char* what_it_says, std::string& said) {
    auto pipe = TRY(make_pipe());
    pass(what_it_says, "", pipe.theirs.get());
    auto processor = TRY(Child::start(plan_));
    pipe.theirs = kj::AutoCloseFd();
    for (bool open = true; open;) {
      pollfd wait = {pipe.ours.get(), POLLIN, 0};
      poll(&wait, 1, 1000);
      open = read_available(pipe.ours.get(), said);
    }
    pipe.ours = kj::AutoCloseFd();
    while (!processor.wait_ms(1000)) continue;
    if (processor.exit_status() > 1) return fail(Errc::io, "the processor ended with {}", processor.describe_end());
    return processor.exit_status();
  }

 private:
  const InvokingUser user_ = find_invoking_user();
  kj::AutoCloseFd capture_;
  ChildPlan plan_;
};

Result<int> make_report(const ReportOptions& options) {
  Replay replay;
  TRY(replay.open(options.capture));

  for (const auto& path : options.outputs)
    if (TRY(format_of(path)) == "capture") return fail(Errc::unsupported, "{}: copy the capture instead", path);
  const auto files = TRY(open_outputs(options.outputs, replay.user()));
  std::vector<OutputFile> summaries;
  for (const auto& path : options.summaries) {
    auto file = TRY(open_for_writing(path, replay.user()));
    summaries.push_back({path, "", kj::mv(file)});
  }
  for (const auto& file : files) replay.pass("--output", file.format + ":", file.fd.get());
  if (options.damaged) replay.flag("--damaged");
  if (!options.log_level.empty()) replay.flag("--log-level", options.log_level);
  std::string said;
  const int status = TRY(replay.run("--summary-fd", said));
  if (status != 0) return status;
  const auto summary = TRY(summary_from_json(said));
  if (!options.quiet) {
    print_terminal_summary(summary, stderr, isatty(STDERR_FILENO) == 1);
    for (const auto& path : options.outputs) std::fprintf(stderr, "  wrote       %s\n", path.c_str());
  }
  for (const auto& [path, format, fd] : summaries) {
    const std::string text = path.ends_with(".json") ? to_json(summary) : terminal_summary(summary, false);
    if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return fail(Errc::io, "cannot write {}: {}", path, std::strerror(errno));
  }
  return 0;
}

Result<int> tell_info(const std::string& capture) {
  Replay replay;
  TRY(replay.open(capture));
  std::string said;
  const int status = TRY(replay.run("--capture-info-fd", said));
  // It comes from a process that is not trusted: no byte of it may drive the terminal.
  for (char& c : said)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  std::fwrite(said.data(), 1, said.size(), stdout);
  return status;
}

int exit_status(const Result<int>& status) {
  if (status) return *status;
  std::fprintf(stderr, "splitprof: %s\n", status.error().message.c_str());
  return 1;
}

}  // namespace

int report(const ReportOptions& options) {
  return exit_status(make_report(options));
}

int capture_info(const std::string& capture) {
  return exit_status(tell_info(capture));
}

}  // namespace splitprof
