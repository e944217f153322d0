// SPDX-License-Identifier: Apache-2.0
//
// splitprof-processor: everything that understands what is profiled, without any privilege.
#include <kj/debug.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "processor/capture/capture_writer.h"
#include "processor/daemon.h"
#include "processor/ingest/sampler_client.h"
#include "processor/options.h"
#include "processor/replay.h"
#include "processor/report.h"
#include "processor/run.h"
#include "processor/sandbox.h"
#include "processor/start_up.h"
#include "shared/log.h"

namespace splitprof {
namespace {

SessionEntry describe_session(const ProcessorOptions& options, uint64_t connected_ns) {
  SessionEntry session{.version = SPLITPROF_VERSION,
                       .hz = options.hz,
                       .duration_ns = static_cast<uint64_t>(options.duration_s * 1e9),
                       .connected_ns = connected_ns,
                       .pids = {}};
  for (const Pid pid : options.pids) session.pids.push_back(pid.value);
  return session;
}

// One recording.
Result<int> run(const ProcessorOptions& options) {
  raise_file_limit();
  TRY(drop_privileges(options.user));
  auto connection = TRY(connection_to_sampler(options));  // as whom it is now: the sampler looks at the peer's uid
  const auto lacking = TRY(confine({}));
  for (const auto& sentence : lacking) log::warn("{}", sentence);

  Metrics metrics;
  SamplerClient client(kj::mv(connection), {});
  std::optional<CaptureWriter> capture;
  if (options.capture_fd >= 0)
    capture.emplace(client, metrics, options.capture_fd, describe_session(options, client.connected_ns()),
                    CaptureLog::Limits{.max_bytes = options.capture_limit_mib << 20});
  Run session(capture ? static_cast<Input&>(*capture) : client, metrics,
              {.hz = options.hz,
               .only = options.pids,
               .duration_ns = static_cast<uint64_t>(options.duration_s * 1e9),
               .report_interval_ns = 0});
  unsigned failed = 0;
  session.on_progress = [&] {
    // Nobody waits for the result any more: a stop like any other, so that a replay has it, too.
    if (options.progress_fd >= 0 && !write_progress(options.progress_fd, session, metrics)) client.stop();
  };
  session.on_report = [&](const Profile& profile, const Symbolizer& symbolizer) {
    metrics.jobs_abandoned = client.jobs_abandoned();
    metrics.jobs_dropped = client.jobs_dropped();
    auto summary = summarize(session, metrics, options);
    summary.start_up.connected_ns = client.connected_ns();
    summary.sandbox = lacking;
    failed += write_outputs(profile, symbolizer, options, summary);
  };
  const auto ran = session.run();
  if (capture) TRY(capture->finish());
  // All is written, and the launcher learns it, even if a thread that waits for a hanging read keeps us from ending.
  if (options.summary_fd >= 0) close(options.summary_fd);
  if (!ran) return Error(ran.error());
  return failed == 0 ? 0 : 1;
}

}  // namespace

Result<int> choose(const ProcessorOptions& options) {
  if (options.print_config) return print_config(options);
  if (!options.configs.empty()) return run_daemon(options);
  if (options.replay_fd >= 0) return replay(options);
  return run(options);
}

}  // namespace splitprof

int main(int argc, char** argv) {
  const auto parsed = splitprof::parse_options(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  splitprof::log::set_up("splitprof-processor", parsed.options->log_level.value_or(splitprof::log::Level::info));
  const splitprof::log::KjMessages kj_messages;
  // glibc gives each thread a heap of its own, and what a worker frees there is not given back: with one for all a
  // daemon under mixed load needs 26 MiB where it needed 45, and no thread allocates on a hot path.
  mallopt(M_ARENA_MAX, 1);
  signal(SIGPIPE, SIG_IGN);  // a peer that is gone is an error of the write
  try {
    const auto code = splitprof::choose(*parsed.options);
    if (code) return *code;
    splitprof::log::error("{}", code.error().message);
  } catch (const kj::Exception& exception) {
    splitprof::log::error("{}", exception.getDescription().cStr());
  }
  return 1;
}
