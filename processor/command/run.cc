// SPDX-License-Identifier: Apache-2.0
#include "processor/command/run.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "processor/command/child.h"
#include "processor/command/launch.h"
#include "processor/config/environment.h"

namespace splitprof {
namespace {

constexpr int kSamplerEndMs = 3000;

class Daemons {
 public:
  Result<> start(const RunOptions& options, const CollectorConfig& config);
  // Until one of them has ended, or a signal has and they followed.
  void wait();
  // What became of them.
  int finish();

 private:
  Result<> watch_signals();
  Result<> start_sampler(const RunOptions& options, const ProfilingReceiverOptions& receiver, int connection_fd);
  Result<> start_processor(const RunOptions& options, int sampler_fd);
  void take_signals();

  kj::AutoCloseFd signals_;
  std::optional<Child> sampler_, processor_;
  int interrupts_ = 0;
};

Result<> Daemons::watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = kj::AutoCloseFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals_.get() < 0) return fail(Errc::io, "cannot watch signals: {}", std::strerror(errno));
  return Ok{};
}

Result<> Daemons::start_sampler(const RunOptions& options, const ProfilingReceiverOptions& receiver,
                                int connection_fd) {
  ChildPlan plan{.program = TRY(find_daemon("splitprof-sampler")),
                 .arguments = {"--connection-fd", std::to_string(connection_fd)},
                 .inherit = {connection_fd},
                 .user = {}};
  for (const auto& deny : options.deny) plan.arguments.insert(plan.arguments.end(), {"--deny", deny});
  if (!receiver.include_env_vars.empty()) plan.arguments.emplace_back("--allow-environment");
  if (!options.log_level.empty()) plan.arguments.insert(plan.arguments.end(), {"--log-level", options.log_level});
  sampler_ = TRY(Child::start(plan));
  return Ok{};
}

Result<> Daemons::start_processor(const RunOptions& options, int sampler_fd) {
  ChildPlan plan{.program = TRY(find_daemon("splitprof-processor")), .arguments = {}, .inherit = {}, .user = {}};
  plan.clean_environment = false;  // the configuration may refer to it, and proxies stand in it
  const auto add = [&plan](const char* flag, const std::string& value) {
    plan.arguments.insert(plan.arguments.end(), {flag, value});
  };
  if (sampler_fd >= 0) {
    add("--sampler-fd", std::to_string(sampler_fd));
    plan.inherit.push_back(sampler_fd);
  }
  for (const auto& config : options.configs) add("--config", config);
  for (const auto& setting : options.settings) add("--set", setting);
  for (const auto& gate : options.feature_gates) add("--feature-gates", gate);
  if (!options.log_level.empty()) add("--log-level", options.log_level);
  if (!options.state_folder.empty()) add("--state", options.state_folder);
  if (!options.telemetry) plan.arguments.emplace_back("--no-telemetry");
  processor_ = TRY(Child::start(plan));
  return Ok{};
}

Result<> Daemons::start(const RunOptions& options, const CollectorConfig& config) {
  TRY(watch_signals());
  const ProfilingReceiverOptions* receiver = nullptr;
  for (const auto& each : config.receivers)
    if (const auto* profiling = std::get_if<ProfilingReceiverOptions>(&each)) receiver = profiling;
  if (receiver == nullptr) return start_processor(options, -1);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Errc::io, "socketpair: {}", std::strerror(errno));
  const kj::AutoCloseFd sampler_end(ends[0]), processor_end(ends[1]);
  TRY(start_sampler(options, *receiver, sampler_end.get()));
  return start_processor(options, processor_end.get());
}

void Daemons::take_signals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) continue;  // wait() looks at its children anyway
    processor_->signal(++interrupts_ > 1 ? SIGKILL : SIGTERM);
  }
}

void Daemons::wait() {
  while (!processor_->has_ended()) {
    pollfd wait{signals_.get(), POLLIN, 0};
    poll(&wait, 1, 1000);
    take_signals();
    // The processor notices the end of its connection, writes what it has, and ends.
    if (sampler_) sampler_->has_ended();
  }
}

int Daemons::finish() {
  int status = processor_->exit_status();
  if (status != 0) std::fprintf(stderr, "splitprof: the processor ended with %s\n", processor_->describe_end().c_str());
  if (!sampler_) return status;
  // It ends by itself once its peer is gone.
  if (!sampler_->wait_ms(kSamplerEndMs)) sampler_->signal(SIGTERM);
  if (!sampler_->wait_ms(kSamplerEndMs)) sampler_->signal(SIGKILL);
  sampler_->wait_ms(kSamplerEndMs);
  if (sampler_->exit_status() != 0) {
    std::fprintf(stderr, "splitprof: the sampler ended with %s\n", sampler_->describe_end().c_str());
    status = status == 0 ? 1 : status;
  }
  return status;
}

}  // namespace

int run_configured(const RunOptions& options) {
  const auto config = read_collector_config({.documents = options.configs,
                                             .settings = options.settings,
                                             .feature_gates = options.feature_gates,
                                             .environment = environment_variable});
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return 1;
  }
  Daemons daemons;
  if (const auto started = daemons.start(options, *config); !started) {
    std::fprintf(stderr, "splitprof: %s\n", started.error().message.c_str());
    return 1;
  }
  daemons.wait();
  return daemons.finish();
}

}  // namespace splitprof
