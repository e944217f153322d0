// SPDX-License-Identifier: Apache-2.0
#include "processor/config/components.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "processor/config/nearest.h"

namespace splitprof::config {
namespace {

// Collector, component.ID: a type is a word, a name behind "/" may be anything that can be seen.
bool is_name(const std::string& name) {
  const std::string type = type_of(name);
  const bool word = !type.empty() && type.size() <= 63 && std::isalpha(static_cast<unsigned char>(type[0])) != 0 &&
                    std::all_of(type.begin(), type.end(),
                                [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
  const std::string_view rest = std::string_view(name).substr(type.size());
  return word && rest.size() != 1 && rest.size() <= 1025 && std::none_of(rest.begin(), rest.end(), [](char c) {
           return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
         });
}

// What to say of a collector's component that people will try.
const char* hint_of(std::string_view type) {
  if (type == "otlp" || type == "otlp_grpc" || type == "otlpgrpc") return "; gRPC is not supported, use otlphttp";
  if (type == "health_check" || type == "healthcheckv2")
    return "; /healthz is at the address of service.telemetry.metrics, without any extension";
  if (type == "resource" || type == "attributes" || type == "resourcedetection" || type == "k8sattributes")
    return "; attributes are not changed here: remove it, or send to a collector by otlphttp";
  return "";
}

// The entries of a section whose keys are names of components, without those that cannot be.
std::vector<const Entry*> entries_of(Section& document, const char* key, const char* what,
                                     const std::vector<std::string>& types) {
  std::vector<const Entry*> out;
  const auto* section = document.anything(key);
  if (!section) return out;
  if (section->kind != Value::Kind::map) {
    document.problems().error(section->place, "{} has to be a map of names", key);
    return out;
  }
  for (const auto& entry : section->entries) {
    const auto type = type_of(entry.key);
    if (!is_name(entry.key)) {
      document.problems().error(entry.place, "{}: \"{}\" is no name: TYPE or TYPE/NAME, without spaces", key,
                                shown(entry.key));
    } else if (std::find(types.begin(), types.end(), type) == types.end()) {
      const auto meant = nearest(type, types);
      document.problems().error(entry.place, "{}: unknown type of {} \"{}\"{}; there are {}{}", key, what, type,
                                meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant),
                                fmt::join(types, ", "), hint_of(type));
    } else {
      out.push_back(&entry);
    }
  }
  return out;
}

ReceiverOptions read_receiver(const std::string& type, Section& section, Reading& reading) {
  if (type == "profiling") return read_profiling(section, reading);
  if (type == "otlp") return read_otlp_receiver(section, reading);
  return read_otlp_json_file(section, reading);
}

ExporterOptions read_exporter(const std::string& type, Section& section, Reading& reading, const std::string& name) {
  if (type == "elasticsearch") return read_elasticsearch(section, reading, name);
  if (type == "otlphttp" || type == "otlp_http") return read_otlp_http(section, reading, name);
  if (type == "file") return read_file_exporter(section, reading);
  return read_debug(section, reading);
}

Section section_of(const Entry& entry, const char* key, Reading& reading) {
  return reading.section(entry.value, fmt::format("{}.{}", key, entry.key),
                         fmt::format("{}.{}", key, type_of(entry.key)));
}

// Two exporters would write over each other's files.
void check_folders(const Components& components, Problems& problems) {
  std::map<std::string, std::string> owners;
  for (const auto& [name, component] : components.exporters) {
    std::string path;
    if (const auto* elasticsearch = std::get_if<ElasticsearchOptions>(&component.options))
      path = elasticsearch->backlog.folder;
    if (const auto* otlp = std::get_if<OtlpHttpOptions>(&component.options)) path = otlp->backlog.folder;
    if (const auto* file = std::get_if<FileExporterOptions>(&component.options)) path = file->path;
    if (path.empty()) continue;
    const auto [known, inserted] = owners.emplace(path, name);
    if (!inserted)
      problems.error(component.place, "exporters {} and {} write to the same place, {}", known->second, name,
                     shown(path));
  }
}

}  // namespace

std::string type_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}

Components read_components(Section& document, const std::set<std::string>& service_extensions, Reading& reading) {
  Components out;
  const std::vector<std::string> extensions = {"basicauth", "bearertokenauth", "file_storage"};
  for (const auto* entry : entries_of(document, "extensions", "extension", extensions))
    read_extension(*entry, service_extensions.contains(entry->key), reading);

  for (const auto* entry : entries_of(document, "receivers", "receiver", {"otlp", "otlpjsonfile", "profiling"})) {
    Section section = section_of(*entry, "receivers", reading);
    auto options = read_receiver(type_of(entry->key), section, reading);
    std::visit([&](auto& each) { each.name = entry->key; }, options);
    out.receivers.emplace(entry->key, Component<ReceiverOptions>{std::move(options), entry->place});
  }
  for (const auto* entry : entries_of(document, "connectors", "connector", {"profilingmetrics"})) {
    Section section = section_of(*entry, "connectors", reading);
    auto options = read_profiling_metrics(section, reading);
    options.name = entry->key;
    out.connectors.emplace(entry->key, Component<ProfilingMetricsOptions>{std::move(options), entry->place});
  }
  const std::vector<std::string> exporters = {"debug", "elasticsearch", "file", "otlphttp", "otlp_http"};
  for (const auto* entry : entries_of(document, "exporters", "exporter", exporters)) {
    Section section = section_of(*entry, "exporters", reading);
    auto options = read_exporter(type_of(entry->key), section, reading, entry->key);
    std::visit([&](auto& each) { each.name = entry->key; }, options);
    out.exporters.emplace(entry->key, Component<ExporterOptions>{std::move(options), entry->place});
  }
  // What they would do, the exporters' queues and bounds do here; whatever they say is accepted.
  for (const auto* entry : entries_of(document, "processors", "processor", {"batch", "memory_limiter"}))
    out.processors.emplace(entry->key, entry->place);
  check_folders(out, reading.problems);
  return out;
}

ElasticsearchOptions elasticsearch_of_environment(Reading& reading, Place place) {
  Value none;
  none.place = place;
  Section section = reading.section(none, "ELASTICSEARCH_URL", "exporters.elasticsearch");
  return read_elasticsearch(section, reading, "elasticsearch");
}

}  // namespace splitprof::config
