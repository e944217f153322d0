// SPDX-License-Identifier: Apache-2.0
#include "processor/pipelines/graph.h"

#include <signal.h>

#include <algorithm>
#include <map>
#include <random>
#include <type_traits>

#include "processor/elasticsearch/exporter.h"
#include "processor/http/reach.h"
#include "processor/metrics/profiling_metrics.h"
#include "processor/otlp/debug_exporter.h"
#include "processor/otlp/file_exporter.h"
#include "processor/otlp/http_exporter.h"
#include "processor/otlp/json_files.h"
#include "processor/otlp/receiver.h"
#include "processor/pipelines/clocks.h"
#include "processor/pipelines/export_thread.h"
#include "processor/pipelines/fan_out.h"
#include "processor/pipelines/key_files.h"
#include "processor/telemetry/health.h"
#include "processor/telemetry/pages.h"
#include "shared/log.h"

namespace splitprof {
namespace {

// A component by its name in the configuration, with what it can be handed.
struct Node {
  std::string name;
  std::unique_ptr<Component> component;
  ProfilesConsumer* profiles = nullptr;  // null: takes none
  MetricsConsumer* metrics = nullptr;
};

template <typename Made>
Node make_node(std::string name, std::unique_ptr<Made> made) {
  Node node;
  node.name = std::move(name);
  if constexpr (std::is_base_of_v<ProfilesConsumer, Made>) node.profiles = made.get();
  if constexpr (std::is_base_of_v<MetricsConsumer, Made>) node.metrics = made.get();
  node.component = std::move(made);
  return node;
}

// A folder for an exporter's backlog: '/' in names would be a folder of its own.
std::string folder_of(const std::string& state_folder, std::string exporter) {
  std::replace(exporter.begin(), exporter.end(), '/', '@');
  return state_folder + "/backlog/" + exporter;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Signals are the main thread's: another one that took them would lose them. Threads inherit what is blocked.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

struct Graph::State {
  CollectorConfig config;
  http::Client client;
  std::mt19937_64 random{std::random_device()()};
  std::vector<Node> receivers, connectors, exporters;  // what lives on the export thread
  std::map<std::string, ProfilesFanOut> to_profiles;   // by receiver
  std::map<std::string, MetricsFanOut> to_metrics;     // by connector
  std::unique_ptr<ExportThread> thread;
  std::vector<std::unique_ptr<Intake>> intakes;                        // of receivers on other threads
  Intake* profiling = nullptr;                                         // one of them
  std::vector<std::pair<otlp::OtlpReceiver*, std::string>> listening;  // that start a thread of their own
  ConfineOptions needs;
  std::optional<http::ListeningSockets> page_sockets;
  std::unique_ptr<http::LocalService> page;
  ComponentHealth health;
  uint64_t samples_submitted = 0;

  static Node* find(std::vector<Node>& nodes, const std::string& name) {
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
    return found == nodes.end() ? nullptr : &*found;
  }

  // Where the exporter keeps what could not be sent; empty: nowhere.
  void choose_backlog(BacklogOptions& backlog, const std::string& exporter, const std::string& state_folder) {
    if (!backlog.enabled)
      backlog.folder.clear();
    else if (backlog.folder.empty() && !state_folder.empty())
      backlog.folder = folder_of(state_folder, exporter);
    if (backlog.folder.empty()) return;
    needs.writable.push_back(backlog.folder);
    needs.io_uring = true;
  }
  Result<> will_reach(const HttpOptions& options, const std::vector<std::string>& servers) {
    for (auto& path : http::readable_paths(options)) needs.readable.push_back(std::move(path));
    for (const uint16_t port : TRY(http::ports(options, servers))) needs.connect_ports.push_back(port);
    needs.network = true;
    return Ok{};
  }

  Result<> add(ElasticsearchOptions& options, const std::string& state_folder) {
    choose_backlog(options.backlog, options.name, state_folder);
    TRY(will_reach(options.http, options.endpoints));
    auto made = TRY(elasticsearch::ElasticsearchExporter::make(options, client, read_clocks(), random()));
    exporters.push_back(make_node(options.name, std::move(made)));
    return Ok{};
  }

  Result<> add(OtlpHttpOptions& options, const std::string& state_folder) {
    choose_backlog(options.backlog, options.name, state_folder);
    std::vector<std::string> servers;
    for (const auto& endpoint : {options.profiles_endpoint, options.metrics_endpoint})
      if (!endpoint.empty()) servers.push_back(endpoint);
    TRY(will_reach(options.http, servers));
    auto made = TRY(otlp::OtlpHttpExporter::make(options, client, random()));
    exporters.push_back(make_node(options.name, std::move(made)));
    return Ok{};
  }

  // What is opened while the program still is whoever started it.
  Result<> open_early(const ExporterOptions& exporter) {
    if (const auto* file = std::get_if<FileExporterOptions>(&exporter)) {
      for (auto& folder : otlp::FileExporter::writable_folders(*file)) needs.writable.push_back(std::move(folder));
      auto made = TRY(otlp::FileExporter::make(*file));
      exporters.push_back(make_node(file->name, std::move(made)));
    }
    if (const auto* debug = std::get_if<DebugExporterOptions>(&exporter))
      exporters.push_back(make_node(debug->name, std::make_unique<otlp::DebugExporter>(*debug)));
    return Ok{};
  }
  Result<> open_early(const ReceiverOptions& receiver) {
    if (const auto* files = std::get_if<OtlpJsonFileOptions>(&receiver)) {
      for (auto& folder : otlp::JsonFileReceiver::readable_folders(*files)) needs.readable.push_back(std::move(folder));
      auto made = std::make_unique<otlp::JsonFileReceiver>(*files, to_profiles[files->name]);
      receivers.push_back(make_node(files->name, std::move(made)));
    }
    if (const auto* network = std::get_if<OtlpReceiverOptions>(&receiver)) {
      auto made = TRY(otlp::OtlpReceiver::make(*network));
      listening.emplace_back(made.get(), network->name);
      receivers.push_back(make_node(network->name, std::move(made)));
      needs.accept = true;
    }
    return Ok{};
  }

  void report(Telemetry& telemetry) {
    const uint64_t now_ns = read_clocks().monotonic_ns;
    std::vector<MetricGroup> groups;
    std::vector<HealthCheck> checks;
    const auto add = [&](const char* group, const std::vector<Node>& nodes) {
      for (const auto& node : nodes) {
        auto metrics = node.component->metrics();
        checks.push_back(
            health.check(fmt::format("{} {}", group, node.name), node.component->healthy(), metrics, now_ns));
        groups.push_back({.group = group, .component = node.name, .metrics = std::move(metrics)});
      }
    };
    add("receiver", receivers);
    add("connector", connectors);
    add("exporter", exporters);
    if (page) groups.push_back({.group = "telemetry_server", .component = "", .metrics = page->metrics()});
    telemetry.report(kExportThread, now_ns, std::move(groups), std::move(checks));
  }

  Result<> join(const PipelineOptions& pipeline) {
    for (const auto& receiver : pipeline.receivers)
      for (const auto& name : pipeline.exporters) {
        Node* to = find(exporters, name);
        if (to == nullptr) to = find(connectors, name);
        const bool profiles = pipeline.signal == PipelineOptions::Signal::profiles;
        if (to == nullptr || (profiles ? to->profiles == nullptr : to->metrics == nullptr))
          return fail(Errc::malformed, "pipeline {}: {} takes no {}", pipeline.name, name,
                      profiles ? "profiles" : "metrics");
        if (profiles)
          to_profiles[receiver].add(*to->profiles);
        else
          to_metrics[receiver].add(*to->metrics);
      }
    return Ok{};
  }
};

Graph::Graph(std::unique_ptr<State> state) : state_(std::move(state)) {}
Graph::~Graph() = default;

Result<std::unique_ptr<Graph>> Graph::open(CollectorConfig config) {
  auto state = std::make_unique<State>();
  state->config = std::move(config);
  for (auto& exporter : state->config.exporters) {
    if (auto* options = std::get_if<ElasticsearchOptions>(&exporter)) TRY(read_key_files(options->http.tls));
    if (auto* options = std::get_if<OtlpHttpOptions>(&exporter)) TRY(read_key_files(options->http.tls));
    TRY(state->open_early(exporter));
  }
  for (const auto& receiver : state->config.receivers) TRY(state->open_early(receiver));
  if (const auto& page = state->config.telemetry; page.enabled) {
    state->page_sockets = TRY(http::listen(page.host, page.port));
    state->needs.accept = true;
  }
  http::preload_name_resolution();
  return std::unique_ptr<Graph>(new Graph(std::move(state)));
}

const ProfilingReceiverOptions* Graph::profiling() const {
  for (const auto& receiver : state_->config.receivers)
    if (const auto* found = std::get_if<ProfilingReceiverOptions>(&receiver)) return found;
  return nullptr;
}

Result<> Graph::complete(const std::string& state_folder) {
  for (auto& exporter : state_->config.exporters) {
    if (auto* options = std::get_if<ElasticsearchOptions>(&exporter)) TRY(state_->add(*options, state_folder));
    if (auto* options = std::get_if<OtlpHttpOptions>(&exporter)) TRY(state_->add(*options, state_folder));
  }
  for (const auto& options : state_->config.connectors) {
    auto made =
        TRY(ProfilingMetrics::make(options, state_->to_metrics[options.name], SPLITPROF_VERSION, read_clocks()));
    state_->connectors.push_back(make_node(options.name, std::move(made)));
  }
  for (const auto& pipeline : state_->config.pipelines) TRY(state_->join(pipeline));
  return Ok{};
}

const ConfineOptions& Graph::needs() const {
  return state_->needs;
}

void Graph::start(Telemetry& telemetry) {
  ExportThread::Stages stages;
  for (auto* nodes : {&state_->receivers, &state_->connectors, &state_->exporters}) {
    stages.emplace_back();
    for (auto& node : *nodes) stages.back().push_back(node.component.get());
  }
  auto& thread = state_->thread;
  thread = std::make_unique<ExportThread>(state_->client, std::move(stages),
                                          [state = state_.get(), &telemetry] { state->report(telemetry); });
  const auto intake_of = [&](const std::string& receiver) -> Intake& {
    state_->intakes.push_back(thread->make_intake(state_->to_profiles[receiver]));
    return *state_->intakes.back();
  };
  if (const auto* options = profiling()) state_->profiling = &intake_of(options->name);
  const SignalsBlocked blocked;
  if (state_->page_sockets)
    state_->page = http::LocalService::start("telemetry", std::move(*state_->page_sockets),
                                             telemetry_routes(telemetry, [] { return read_clocks().monotonic_ns; }));
  for (auto& [receiver, name] : state_->listening) receiver->start(intake_of(name));
  thread->start();
}

bool Graph::submit(std::shared_ptr<const otel::Profiles> batch) {
  const uint64_t samples = batch->sample_count();
  if (!state_->profiling->submit(std::move(batch))) return false;
  state_->samples_submitted += samples;
  return true;
}

void Graph::stop() {
  state_->thread->stop();
}

std::vector<Graph::ProfilesExporter> Graph::profiles_exporters() const {
  std::vector<ProfilesExporter> found;
  for (const auto& exporter : state_->exporters) {
    uint64_t times = 0;  // that it is handed each batch of the profiling receiver
    bool takes_profiles = false;
    for (const auto& pipeline : state_->config.pipelines) {
      if (pipeline.signal != PipelineOptions::Signal::profiles || !contains(pipeline.exporters, exporter.name))
        continue;
      takes_profiles = true;
      times += profiling() != nullptr && contains(pipeline.receivers, profiling()->name);
    }
    if (!takes_profiles) continue;
    found.push_back({.name = exporter.name,
                     .samples_handed_on = times * state_->samples_submitted,
                     .metrics = exporter_metrics_of(exporter.component->metrics())});
  }
  return found;
}

}  // namespace splitprof
