// SPDX-License-Identifier: Apache-2.0
#include "processor/config/collector_config.h"

#include <algorithm>

#include "processor/config/components.h"
#include "processor/config/documents.h"
#include "processor/config/pipelines.h"
#include "processor/config/redact.h"

namespace splitprof {
namespace config {
namespace {

constexpr std::string_view kProfilesGate = "service.profilesSupport";

// Gates in the order in which they are said; the last word counts. Of all gates of a collector one means something
// here.
class Gates {
 public:
  explicit Gates(Problems& problems) : problems_(problems) {}

  void add(const std::string& list, Place place) {
    for (std::string_view rest = list; !rest.empty();) {
      auto gate = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(gate.size() + 1, rest.size()));
      const bool enable = !gate.starts_with('-');
      if (gate.starts_with('-') || gate.starts_with('+')) gate.remove_prefix(1);
      if (gate == kProfilesGate)
        profiles_ = enable;
      else if (gate.empty())
        problems_.error(place, "empty feature gate identifier");
      else
        problems_.note(place, "feature gate {} has no effect here", shown(gate));
    }
  }
  bool profiles() const { return profiles_; }

 private:
  Problems& problems_;
  bool profiles_ = false;
};

template <typename Options>
void take_used(std::map<std::string, Component<Options>>& from, std::vector<Options>& to) {
  for (auto& [name, component] : from)
    if (component.used) to.push_back(std::move(component.options));
}

std::set<std::string> extensions_of(Section& service, const Value& document) {
  std::vector<std::string> names;
  service.texts("extensions", names);
  const auto* defined = document.find("extensions");
  for (const auto& name : names)
    if (!defined || !defined->value.find(name))
      service.error("extensions", "references extension \"{}\" which is not configured", shown(name));
  return {names.begin(), names.end()};
}

// `whole`: false leaves references between sections alone, as what they refer to may stand where nothing could be read.
CollectorConfig read(const Value& document, bool whole, const std::vector<std::string>& gates_of_command_line,
                     Reading& reading) {
  CollectorConfig config;
  Gates gates(reading.problems);
  {
    Section top = reading.section(document, "the configuration", "");
    Section service =
        reading.section(top.anything("service") ? document.find("service")->value : Value{}, "service", "service");
    if (!top.has("service") && whole) top.error("service", "the section service is missing");
    Components components = read_components(top, extensions_of(service, document), reading);
    std::vector<std::string> gates_of_file;
    service.texts("feature_gates", gates_of_file);
    for (const auto& gate : gates_of_file) gates.add(gate, service.place("feature_gates"));
    config.telemetry = read_telemetry(service.section("telemetry"), reading);
    if (!service.anything("pipelines")) {
      if (top.has("service") && whole) service.error("pipelines", "service must have at least one pipeline");
    } else if (whole) {
      config.pipelines = read_pipelines(service.section("pipelines"), components, reading);
    }
    take_used(components.receivers, config.receivers);
    take_used(components.connectors, config.connectors);
    take_used(components.exporters, config.exporters);
  }
  const Place command_line{reading.problems.add_source("--feature-gates")};
  for (const auto& gate : gates_of_command_line) gates.add(gate, command_line);
  if (!whole) return config;
  const auto* service = document.find("service");
  const auto* pipelines = service ? service->value.find("pipelines") : nullptr;
  check_gate(config.pipelines, gates.profiles(), pipelines ? pipelines->place : document.place, reading);
  return config;
}

}  // namespace

std::set<std::string> known_keys() {
  // One of everything; absent keys of a section are asked for all the same.
  constexpr const char* kOneOfEach = R"(
receivers: {profiling: , otlp: , otlpjsonfile: }
connectors: {profilingmetrics: {aggregations: [{match: a, label: b}]}}
exporters: {elasticsearch: , otlphttp: , file: , debug: }
extensions: {basicauth: , bearertokenauth: , file_storage: }
processors: {batch: , memory_limiter: }
service:
  telemetry: {metrics: {readers: [{pull: {}}]}}
  pipelines: {profiles: , metrics: }
)";
  Problems problems;
  std::set<std::string> keys;
  const Environment nothing = [](const std::string&) { return std::optional<std::string>(); };
  Reading reading{problems, nothing, &keys, {}, {}, {}};
  (void)read(read_yaml(kOneOfEach, problems.add_source("every key"), problems).value(), true, {}, reading);
  return keys;
}

}  // namespace config

Result<CollectorConfig> read_collector_config(const ConfigSources& sources) {
  config::Problems problems;
  const auto document = config::read_documents(sources, problems);
  const config::Environment environment =
      sources.environment ? sources.environment : [](const std::string&) { return std::optional<std::string>(); };
  config::Reading reading{problems, environment, nullptr, {}, {}, {}};
  CollectorConfig out = config::read(document.value, document.whole, sources.feature_gates, reading);
  if (problems.any()) return Error{Errc::malformed, problems.errors()};
  out.notes = problems.notes();
  return out;
}

Result<std::string> print_collector_config(const ConfigSources& sources) {
  config::Problems problems;
  auto document = config::read_documents(sources, problems);
  if (problems.any()) return Error{Errc::malformed, problems.errors()};
  config::redact(document.value);
  return config::print_yaml(document.value);
}

}  // namespace splitprof
