// SPDX-License-Identifier: Apache-2.0
#include "processor/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <random>

#include "processor/config/collector_config.h"
#include "processor/config/environment.h"
#include "processor/export/fd_writer.h"
#include "processor/ingest/sampler_client.h"
#include "processor/pipelines/clocks.h"
#include "processor/pipelines/graph.h"
#include "processor/profiling_receiver.h"
#include "processor/run.h"
#include "processor/sandbox.h"
#include "processor/start_up.h"
#include "processor/telemetry/balance.h"
#include "processor/telemetry/health.h"
#include "processor/telemetry/sampler_counters.h"
#include "shared/log.h"

namespace splitprof {
namespace {

ConfigSources sources_of(const ProcessorOptions& options) {
  return {.documents = options.configs,
          .settings = options.settings,
          .feature_gates = options.feature_gates,
          .environment = environment_variable};
}

// Those that the configuration names; the others lie in the state folder.
std::vector<std::string> backlog_folders(const CollectorConfig& config) {
  std::vector<std::string> folders;
  const auto add = [&](const BacklogOptions& backlog) {
    if (backlog.enabled && !backlog.folder.empty()) folders.push_back(backlog.folder);
  };
  for (const auto& exporter : config.exporters) {
    if (const auto* options = std::get_if<ElasticsearchOptions>(&exporter)) add(options->backlog);
    if (const auto* options = std::get_if<OtlpHttpOptions>(&exporter)) add(options->backlog);
  }
  return folders;
}

constexpr const char* kMainThread = "main";

// What the main thread tells the telemetry page, once a second.
class MainReport {
 public:
  MainReport(Telemetry& telemetry, const Metrics& metrics) : telemetry_(telemetry), metrics_(metrics) {}

  void take(const Counters& counters) { sampler_ = groups_of_sampler(counters.values); }
  void send(bool connected) {
    const uint64_t now_ns = read_clocks().monotonic_ns;
    if (last_record_ns_ == 0 || metrics_.records_consumed != records_) last_record_ns_ = now_ns;
    records_ = metrics_.records_consumed;
    auto groups = sampler_;
    groups.push_back({.group = "processor", .component = "", .metrics = list(metrics_)});
    telemetry_.report(kMainThread, now_ns, std::move(groups),
                      {sampler_check(connected), ring_check(last_record_ns_, now_ns)});
  }

 private:
  Telemetry& telemetry_;
  const Metrics& metrics_;
  std::vector<MetricGroup> sampler_;
  uint64_t records_ = 0;
  uint64_t last_record_ns_ = 0;
};

// Samples from a sampler, until a signal comes or it is gone.
Result<int> profile(Graph& graph, const ProfilingReceiverOptions& receiver, kj::AutoCloseFd connection) {
  Metrics metrics;
  Telemetry telemetry(SPLITPROF_VERSION, {kMainThread, Graph::kExportThread});
  MainReport report(telemetry, metrics);
  SamplerClient client(kj::mv(connection), {});
  Run session(client, metrics, run_options(receiver, std::random_device()()));
  graph.start(telemetry);
  session.on_progress = [&] {
    metrics.jobs_abandoned = client.jobs_abandoned();
    metrics.jobs_dropped = client.jobs_dropped();
    report.send(!session.disconnected());
  };
  session.on_counters = [&](const Counters& counters) { report.take(counters); };
  session.on_report = [&](const Profile& profile, const Symbolizer& symbolizer) {
    auto batch = std::make_shared<otel::Profiles>(profiles_of(session, receiver, profile, symbolizer, metrics));
    const uint64_t samples = batch->sample_count();
    if (graph.submit(std::move(batch))) return;
    metrics.samples_not_taken += samples;
    log::warn("exporters do not keep up: {} samples of an interval are dropped", samples);
  };
  const auto ran = session.run();
  graph.stop();
  for (const auto& exporter : graph.profiles_exporters())
    log::info("{}", balance({.exporter = exporter.name,
                             .sampler = session.sampler_counters().values,
                             .processor = metrics,
                             .handed_on = exporter.samples_handed_on,
                             .not_taken = metrics.samples_not_taken,
                             .metrics = exporter.metrics})
                        .line);
  if (!ran) return Error(ran.error());
  return session.disconnected() ? 1 : 0;
}

// Nothing but what comes from files and over the network.
Result<int> relay(Graph& graph) {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGINT, SIGTERM}) sigaddset(&ends, number);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  Telemetry telemetry(SPLITPROF_VERSION, {Graph::kExportThread});
  graph.start(telemetry);
  int number = 0;
  while (sigwait(&ends, &number) != 0) continue;
  graph.stop();
  return 0;
}

}  // namespace

Result<int> run_daemon(const ProcessorOptions& options) {
  raise_file_limit();
  auto config = TRY(read_collector_config(sources_of(options)));
  if (!options.log_level)
    if (const auto level = log::parse_level(config.telemetry.log_level)) log::set_level(*level);
  for (const auto& note : config.notes) log::info("{}", note);
  config.telemetry.enabled = config.telemetry.enabled && options.telemetry;
  for (const auto& folder : backlog_folders(config)) TRY(make_own_folder(folder, options.user));
  const auto graph = TRY(Graph::open(std::move(config)));
  const auto state_folder = TRY(prepare_state_folder(options));
  TRY(drop_privileges(options.user));
  TRY(graph->complete(state_folder));
  const auto* receiver = graph->profiling();
  if (receiver != nullptr && receiver->verbose && !options.log_level) log::set_level(log::Level::debug);
  kj::AutoCloseFd connection;
  if (receiver != nullptr) connection = TRY(connection_to_sampler(options));
  for (const auto& sentence : TRY(confine(graph->needs()))) log::warn("{}", sentence);
  return receiver != nullptr ? profile(*graph, *receiver, kj::mv(connection)) : relay(*graph);
}

Result<int> print_config(const ProcessorOptions& options) {
  FdWriter out(STDOUT_FILENO);
  out.append(TRY(print_collector_config(sources_of(options))));
  TRY(out.finish());
  return 0;
}

}  // namespace splitprof
