// SPDX-License-Identifier: Apache-2.0
#include "processor/report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "processor/export/fd_writer.h"
#include "processor/export/flamegraph.h"
#include "processor/export/folded.h"
#include "processor/export/names.h"
#include "processor/export/pprof.h"
#include "processor/export/profile_summary.h"
#include "processor/export/speedscope.h"
#include "shared/log.h"

namespace splitprof {
namespace {

class SamplerCounters {
 public:
  explicit SamplerCounters(const Counters& counters) : counters_(counters) {}
  uint64_t operator[](std::string_view name) const {
    const auto found = std::find_if(counters_.values.begin(), counters_.values.end(),
                                    [&](const auto& counter) { return counter.first == name; });
    return found == counters_.values.end() ? 0 : found->second;
  }

 private:
  const Counters& counters_;
};

std::string describe_target(const std::vector<Pid>& pids) {
  if (pids.empty()) return "the whole machine";
  std::string text = "pid ";
  for (size_t i = 0; i < pids.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", pids[i].value);
  return text;
}

void add_lost(RunSummary::Reasons& lost, const char* reason, uint64_t count) {
  if (count != 0) lost[reason] = count;
}

}  // namespace

RunSummary summarize(const Run& run, const Metrics& metrics, const ProcessorOptions& options) {
  RunSummary summary;
  summary.version = SPLITPROF_VERSION;
  if (const auto& host = run.host()) {
    summary.host_name = host->host_name;
    summary.kernel_release = host->kernel_release;
    summary.architecture = host->architecture;
    summary.online_cpus = host->online_cpus;
  }
  summary.target = describe_target(options.pids);
  summary.hz = options.hz;
  summary.duration_ns = run.duration_ns();
  if (const auto& sync = run.pipeline().clock_sync(); sync && run.first_sample_ns() != 0)
    summary.started_realtime_ns = static_cast<int64_t>(sync->realtime_ns + run.first_sample_ns() - sync->monotonic_ns);

  const SamplerCounters sampler(run.sampler_counters());
  summary.samples.taken = sampler["samples_taken"];
  summary.samples.delivered = metrics.samples_consumed;
  summary.samples.aggregated = metrics.samples_aggregated;
  add_lost(summary.samples.lost, "bpf_ring", sampler["ring_lost"]);
  add_lost(summary.samples.lost, "no_client", sampler["no_client"]);
  add_lost(summary.samples.lost, "shared_ring", sampler["shared_ring_full"]);
  add_lost(summary.samples.lost, "malformed", metrics.samples_malformed);
  summary.samples.filtered = metrics.samples_filtered;

  summary.bpf = {.samples = sampler["samples_taken"],
                 .walk_ns = sampler["walk_ns"],
                 .user_frames = sampler["frames"],
                 .kernel_frames = sampler["kernel_frames"]};
  summary.start_up.first_sample_ns = run.first_sample_ns();
  summary.accounting = {
      {.equation = "samples_taken = ring_lost + no_client + shared_ring_full + published",
       .left = sampler["samples_taken"],
       .right = sampler["ring_lost"] + sampler["no_client"] + sampler["shared_ring_full"] + sampler["published"]},
      {.equation = "published = consumed + abandoned",
       .left = sampler["published"],
       .right = sampler["consumed"] + sampler["abandoned"]},
      {.equation = "samples_consumed = samples_aggregated + samples_malformed + samples_filtered + samples_too_young",
       .left = metrics.samples_consumed,
       .right = samples_accounted(metrics)},
  };
  for (const auto& [name, value] : run.sampler_counters().values) summary.counters["sampler." + name] = value;
  for (const auto& metric : list(metrics)) summary.counters["processor." + std::string(metric.name)] = metric.value;
  return summary;
}

unsigned write_outputs(const Profile& profile, const Symbolizer& symbolizer, const ProcessorOptions& options,
                       RunSummary& summary) {
  const Names names(profile, symbolizer);
  summarize_profile(profile, names, summary);
  unsigned failed = 0;
  const auto note = [&](const char* what, const Result<>& written) {
    if (written) return;
    ++failed;
    log::error("cannot write {}: {}", what, written.error().message);
  };
  for (const auto& output : options.outputs) {
    switch (output.format) {
      case OutputTarget::Format::folded:
        note("folded stacks", write_folded(profile, names, output.fd));
        break;
      case OutputTarget::Format::pprof:
        note("pprof", write_pprof(profile, names, summary, output.fd));
        break;
      case OutputTarget::Format::speedscope:
        note("speedscope's profile", write_speedscope(profile, names, summary, output.fd));
        break;
      case OutputTarget::Format::html:
        note("the flame graph", write_flame_graph(profile, names, summary, output.fd));
        break;
    }
  }
  if (options.summary_fd >= 0) {
    FdWriter writer(options.summary_fd);
    writer.append(to_json(summary));
    note("the summary", writer.finish());
  }
  return failed;
}

bool write_progress(int fd, const Run& run, const Metrics& metrics) {
  const auto line = fmt::format(R"({{"samples":{},"traces":{},"processes":{},"lost":{}}})"
                                "\n",
                                metrics.samples_aggregated, run.pipeline().profile().trace_count(),
                                run.pipeline().processes(), metrics.lost_bpf_ring + metrics.lost_shared_ring);
  return write(fd, line.data(), line.size()) >= 0 || errno != EPIPE;
}

}  // namespace splitprof
