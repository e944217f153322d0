// SPDX-License-Identifier: Apache-2.0
#include "processor/config/pipelines.h"

#include <algorithm>

#include "processor/config/nearest.h"

namespace splitprof::config {
namespace {

using Signal = PipelineOptions::Signal;

template <typename Map>
void add_names(const Map& map, std::vector<std::string>& out) {
  for (const auto& entry : map) out.push_back(entry.first);
}

class Pipelines {
 public:
  Pipelines(Components& components, Reading& reading) : components_(components), reading_(reading) {}

  PipelineOptions read(Section pipeline, const std::string& name, Signal signal) {
    PipelineOptions out;
    out.signal = signal;
    out.name = name;
    pipeline.texts("receivers", out.receivers);
    pipeline.texts("exporters", out.exporters);
    if (out.receivers.empty()) pipeline.error("receivers", "must have at least one receiver");
    if (out.exporters.empty()) pipeline.error("exporters", "must have at least one exporter");
    check_twice(pipeline, "receivers", out.receivers);
    check_twice(pipeline, "exporters", out.exporters);
    for (const auto& each : out.receivers) use_receiver(pipeline, each, signal);
    for (const auto& each : out.exporters) use_exporter(pipeline, each, signal);
    use_processors(pipeline);
    return out;
  }

  // A connector between nothing and something would swallow what it gets, or wait for ever.
  void check_connectors() const {
    for (const auto& [name, component] : components_.connectors) {
      const bool in = fed_.contains(name), out = read_.contains(name);
      if (in && !out)
        reading_.problems.error(component.place,
                                "connector {} is an exporter of a profiles pipeline, but no receiver of a metrics "
                                "pipeline: its metrics would go nowhere",
                                name);
      if (out && !in)
        reading_.problems.error(component.place,
                                "connector {} is a receiver of a metrics pipeline, but no exporter of a profiles "
                                "pipeline: it would get nothing",
                                name);
    }
  }

  void check_one_profiling() const {
    std::string first;
    for (const auto& [name, component] : components_.receivers) {
      if (!component.used || !std::holds_alternative<ProfilingReceiverOptions>(component.options)) continue;
      if (!first.empty())
        reading_.problems.error(component.place, "receivers {} and {}: there is one sampler, so there can be one",
                                first, name);
      first = name;
    }
  }

 private:
  static void check_twice(Section& pipeline, const char* key, const std::vector<std::string>& names) {
    for (size_t i = 0; i < names.size(); ++i)
      if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), names[i]) !=
          names.begin() + static_cast<ptrdiff_t>(i))
        pipeline.error(key, "\"{}\" stands twice in {}", shown(names[i]), key);
  }

  void unknown(Section& pipeline, const char* key, const char* what, const std::string& name,
               const std::vector<std::string>& known) {
    const auto meant = nearest(name, known);
    pipeline.error(key, "references {} \"{}\" which is not configured{}", what, shown(name),
                   meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant));
  }

  void use_receiver(Section& pipeline, const std::string& name, Signal signal) {
    if (const auto found = components_.connectors.find(name); found != components_.connectors.end()) {
      found->second.used = true;
      read_.insert(name);
      if (signal == Signal::profiles)
        pipeline.error("receivers", "{} gives metrics: it is a receiver of metrics pipelines only", name);
      return;
    }
    const auto found = components_.receivers.find(name);
    if (found == components_.receivers.end()) {
      std::vector<std::string> known;
      add_names(components_.receivers, known);
      add_names(components_.connectors, known);
      return unknown(pipeline, "receivers", "receiver", name, known);
    }
    found->second.used = true;
    if (signal == Signal::metrics)
      pipeline.error("receivers", "receiver {} gives profiles; metrics come from a profilingmetrics connector", name);
  }

  void use_exporter(Section& pipeline, const std::string& name, Signal signal) {
    if (const auto found = components_.connectors.find(name); found != components_.connectors.end()) {
      found->second.used = true;
      fed_.insert(name);
      if (signal == Signal::metrics)
        pipeline.error("exporters", "{} takes profiles: it is an exporter of profiles pipelines only", name);
      return;
    }
    auto found = components_.exporters.find(name);
    if (found == components_.exporters.end() && name == "elasticsearch") {
      if (const auto urls = reading_.environment("ELASTICSEARCH_URL"); urls && !urls->empty()) {
        const Place place = pipeline.place("exporters");
        auto options = elasticsearch_of_environment(reading_, place);
        found = components_.exporters.emplace(name, Component<ExporterOptions>{std::move(options), place}).first;
      }
    }
    if (found == components_.exporters.end()) {
      std::vector<std::string> known;
      add_names(components_.exporters, known);
      add_names(components_.connectors, known);
      return unknown(pipeline, "exporters", "exporter", name, known);
    }
    found->second.used = true;
    const auto* file = std::get_if<FileExporterOptions>(&found->second.options);
    if (signal == Signal::metrics && file && file->format == FileExporterOptions::Format::folded)
      pipeline.error("exporters", "exporter {} writes folded stacks, which metrics have none of", name);
    if (const auto* otlp = std::get_if<OtlpHttpOptions>(&found->second.options);
        otlp && (signal == Signal::metrics ? otlp->metrics_endpoint : otlp->profiles_endpoint).empty())
      pipeline.error("exporters", "exporter {} has no endpoint, and no {}_endpoint", name,
                     signal == Signal::metrics ? "metrics" : "profiles");
  }

  void use_processors(Section& pipeline) {
    std::vector<std::string> names;
    pipeline.texts("processors", names);
    for (const auto& name : names) {
      if (!components_.processors.contains(name)) {
        std::vector<std::string> known;
        add_names(components_.processors, known);
        unknown(pipeline, "processors", "processor", name, known);
      } else {
        pipeline.note("processors", "processor {} has no effect: exporters batch for themselves, and memory is bounded",
                      name);
      }
    }
    check_twice(pipeline, "processors", names);
  }

  Components& components_;
  Reading& reading_;
  std::set<std::string> fed_, read_;  // connectors that pipelines feed, and are fed by
};

void check_ambiguous(const Components& components, Problems& problems) {
  for (const auto& [name, component] : components.connectors)
    if (components.exporters.contains(name) || components.receivers.contains(name))
      problems.error(component.place, "connectors.{}: another component has the same name; pipelines could mean both",
                     name);
}

template <typename Map>
void note_unused(const Map& components, const char* what, Problems& problems) {
  for (const auto& [name, component] : components)
    if (!component.used) problems.note(component.place, "{} {} is not used by any pipeline", what, name);
}

}  // namespace

std::vector<PipelineOptions> read_pipelines(Section section, Components& components, Reading& reading) {
  check_ambiguous(components, reading.problems);
  std::vector<PipelineOptions> out;
  Pipelines pipelines(components, reading);
  for (const auto& name : section.names()) {
    const auto type = type_of(name);
    if (type != "profiles" && type != "metrics") {
      (void)section.anything(name);
      section.error(name, "\"{}\": this program makes profiles and metrics; leave the pipeline to a collector",
                    shown(name));
      continue;
    }
    const auto signal = type == "profiles" ? Signal::profiles : Signal::metrics;
    out.push_back(pipelines.read(section.section(name, type), name, signal));
  }
  if (section.names().empty()) section.error("", "service must have at least one pipeline");
  pipelines.check_connectors();
  pipelines.check_one_profiling();
  note_unused(components.receivers, "receiver", reading.problems);
  note_unused(components.connectors, "connector", reading.problems);
  note_unused(components.exporters, "exporter", reading.problems);
  return out;
}

void check_gate(const std::vector<PipelineOptions>& pipelines, bool enabled, Place place, Reading& reading) {
  if (enabled) return;
  for (const auto& pipeline : pipelines)
    if (pipeline.signal == Signal::profiles)
      return reading.problems.error(place,
                                    "pipeline \"{}\": profiles are experimental in the collector and have to be turned "
                                    "on: --feature-gates=service.profilesSupport, or service.feature_gates: "
                                    "[service.profilesSupport]",
                                    pipeline.name);
}

}  // namespace splitprof::config
