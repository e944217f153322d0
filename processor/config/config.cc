// SPDX-License-Identifier: Apache-2.0
#include "processor/config/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <vector>

namespace splitprof {
namespace {

constexpr size_t kMaxConfigBytes = 1u << 20;
constexpr uint64_t kMillisecondNs = 1'000'000;

std::string place(const YAML::Node& node) {
  return fmt::format("line {}, column {}", node.Mark().line + 1, node.Mark().column + 1);
}

// How many letters have to be changed, left out or added to make one word of the other.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

// A mapping whose keys are all among `allowed`.
Result<> check_keys(const YAML::Node& node, std::string_view where, std::initializer_list<std::string_view> allowed) {
  if (node.IsNull()) return Ok{};
  if (!node.IsMap()) return fail(Errc::malformed, "{}: {} has to be a mapping", place(node), where);
  for (const auto& entry : node) {
    const auto key = entry.first.as<std::string>("");
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
    const auto nearest = std::min_element(allowed.begin(), allowed.end(),
                                          [&](auto a, auto b) { return distance(key, a) < distance(key, b); });
    return fail(Errc::malformed, "{}: unknown key \"{}\" in {}; the nearest that is known is \"{}\"",
                place(entry.first), key, where, *nearest);
  }
  return Ok{};
}

Result<uint64_t> parse_duration_ns(const YAML::Node& node, std::string_view key) {
  const auto text = node.as<std::string>("");
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(rest, static_cast<size_t>(text.data() + text.size() - rest));
  double factor_ms = 0;
  if (unit == "ms") factor_ms = 1;
  if (unit == "s") factor_ms = 1000;
  if (unit == "m") factor_ms = 60'000;
  const double ms = number * factor_ms;
  if (error != std::errc() || !(ms >= 1000 && ms <= 3'600'000))
    return fail(Errc::malformed, "{}: {} has to be a time from 1s to 60m, as in \"5s\"", place(node), key);
  return static_cast<uint64_t>(ms) * kMillisecondNs;
}

Result<> read_receiver(const YAML::Node& node, Config& config) {
  TRY(check_keys(node, "receivers.profiling", {"samples_per_second", "SamplesPerSecond", "reporter_interval"}));
  // Two spellings: that of collectors up to 9.2, and that of later ones.
  for (const char* key : {"SamplesPerSecond", "samples_per_second"}) {
    const auto value = node[key];
    if (!value) continue;
    const auto hz = value.as<int64_t>(0);
    if (hz < 1 || hz > 1000) return fail(Errc::malformed, "{}: {} has to be from 1 to 1000", place(value), key);
    config.samples_per_second = static_cast<uint32_t>(hz);
  }
  if (const auto interval = node["reporter_interval"])
    config.reporter_interval_ns = TRY(parse_duration_ns(interval, "reporter_interval"));
  return Ok{};
}

Result<> read_file_exporter(const YAML::Node& node, Config& config) {
  TRY(check_keys(node, "exporters.file", {"path", "format"}));
  const auto path = node.IsMap() ? node["path"] : YAML::Node(YAML::NodeType::Undefined);
  if (!path || !path.IsScalar()) return fail(Errc::malformed, "{}: exporters.file needs a path", place(node));
  config.folded_path = path.as<std::string>();
  if (!config.folded_path.starts_with('/')) return fail(Errc::malformed, "{}: path has to be absolute", place(path));
  if (const auto format = node["format"]; format && format.as<std::string>("") != "folded")
    return fail(Errc::malformed, "{}: the only format is \"folded\"", place(format));
  return Ok{};
}

Result<> check_names(const YAML::Node& list, std::string_view where, std::string_view known) {
  if (!list || !list.IsSequence() || list.size() != 1 || list[0].as<std::string>("") != known)
    return fail(Errc::malformed, "{}: {} has to be [{}]", list ? place(list) : "end of file", where, known);
  return Ok{};
}

Result<> read_service(const YAML::Node& node) {
  TRY(check_keys(node, "service", {"pipelines"}));
  const auto pipelines = node["pipelines"];
  if (!pipelines) return fail(Errc::malformed, "{}: service needs pipelines", place(node));
  TRY(check_keys(pipelines, "service.pipelines", {"profiles"}));
  const auto profiles = pipelines["profiles"];
  if (!profiles) return fail(Errc::malformed, "{}: service.pipelines needs profiles", place(pipelines));
  TRY(check_keys(profiles, "service.pipelines.profiles", {"receivers", "exporters"}));
  TRY(check_names(profiles["receivers"], "service.pipelines.profiles.receivers", "profiling"));
  TRY(check_names(profiles["exporters"], "service.pipelines.profiles.exporters", "file"));
  return Ok{};
}

Result<Config> read_document(const YAML::Node& document) {
  TRY(check_keys(document, "the configuration", {"receivers", "exporters", "service"}));
  for (const char* section : {"receivers", "exporters", "service"})
    if (!document.IsMap() || !document[section]) return fail(Errc::malformed, "the section {} is missing", section);
  Config config;
  TRY(check_keys(document["receivers"], "receivers", {"profiling"}));
  TRY(check_keys(document["exporters"], "exporters", {"file"}));
  if (const auto receiver = document["receivers"]["profiling"]; receiver && receiver.IsMap())
    TRY(read_receiver(receiver, config));
  const auto exporter = document["exporters"]["file"];
  if (!exporter) return fail(Errc::malformed, "{}: exporters needs file", place(document["exporters"]));
  TRY(read_file_exporter(exporter, config));
  TRY(read_service(document["service"]));
  return config;
}

}  // namespace

Result<Config> parse_config(std::string_view yaml) {
  try {
    return read_document(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    return fail(Errc::malformed, "line {}, column {}: {}", error.mark.line + 1, error.mark.column + 1, error.msg);
  }
}

Result<Config> read_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, "{}: {}", path, std::strerror(errno));
  std::string text(kMaxConfigBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxConfigBytes) return fail(Errc::too_large, "{}: more than {} bytes", path, kMaxConfigBytes);
  auto config = parse_config(text);
  if (!config) return Error{config.error().code, fmt::format("{}: {}", path, config.error().message)};
  return config;
}

}  // namespace splitprof
