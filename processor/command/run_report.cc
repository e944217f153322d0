// SPDX-License-Identifier: Apache-2.0
#include "processor/command/run_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace splitprof {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMiB = 1024.0 * 1024.0;

uint64_t count(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
}

double real(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number() ? it->get<double>() : 0;
}

const Json& part(const Json& object, const char* name) {
  static const Json empty = Json::object();
  const auto it = object.find(name);
  return it != object.end() && it->is_object() ? *it : empty;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char letter : text.substr(0, 200)) out += letter >= ' ' && letter <= '~' ? letter : '?';
  return out;
}

// "ring_lost 3, no_client 1", the largest first; empty when nothing is above 0.
std::string list_reasons(const Json& reasons) {
  std::vector<std::pair<uint64_t, std::string>> sorted;
  for (const auto& [name, value] : reasons.items())
    if (value.is_number_unsigned() && value.get<uint64_t>() > 0) sorted.emplace_back(value.get<uint64_t>(), name);
  std::sort(sorted.rbegin(), sorted.rend());
  std::string text;
  for (const auto& [number, name] : sorted)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", printable(name), number);
  return text;
}

std::string with_reasons(const Json& reasons) {
  const std::string list = list_reasons(reasons);
  return list.empty() ? "" : fmt::format(" ({})", list);
}

uint64_t sum(const Json& reasons) {
  uint64_t total = 0;
  for (const auto& [name, value] : reasons.items())
    if (value.is_number_unsigned()) total += value.get<uint64_t>();
  return total;
}

double milliseconds_after(uint64_t start_ns, uint64_t then_ns) {
  return then_ns > start_ns ? static_cast<double>(then_ns - start_ns) / 1e6 : 0;
}

Json processes_as_json(const LauncherFacts& launcher) {
  Json list = Json::array();
  for (const auto& cost : launcher.processes) {
    list.push_back({{"name", printable(cost.name)},
                    {"pid", cost.pid},
                    {"cpu_seconds", cost.cpu_seconds},
                    {"cpu_percent", launcher.seconds > 0 ? cost.cpu_seconds / launcher.seconds * 100 : 0},
                    {"pss_bytes", cost.pss_bytes},
                    {"rss_bytes", cost.rss_bytes},
                    {"peak_pss_bytes", cost.peak_pss_bytes},
                    {"peak_rss_bytes", cost.peak_rss_bytes}});
  }
  return list;
}

std::string describe(const Json& summary, const LauncherFacts& launcher) {
  const auto& samples = part(summary, "samples");
  const auto& stacks = part(summary, "stacks");
  const auto& bpf = part(summary, "bpf");
  const auto& times = part(summary, "start_up");
  std::string text;
  const auto line = [&text](const char* title, const std::string& what) {
    text += fmt::format("  {:<12} {}\n", title, what);
  };
  line("samples", fmt::format("{} taken, {} delivered, {} lost{}", count(samples, "taken"), count(samples, "delivered"),
                              sum(part(samples, "lost")), with_reasons(part(samples, "lost"))));
  line("stacks",
       fmt::format("{:.2f} % whole{}", real(stacks, "whole_percent"), with_reasons(part(stacks, "truncated"))));
  line("names", fmt::format("{:.1f} % of samples", real(summary, "named_percent")));
  line("in kernel", fmt::format("{:.1f} µs a sample, {:.1f} frames", real(bpf, "ns_per_sample") / 1000,
                                real(bpf, "frames_per_sample")));
  line("start-up", fmt::format("{:.0f} ms to the first sample", real(times, "first_sample_ms")));
  for (const auto& cost : launcher.processes) {
    line(printable(cost.name).c_str(),
         fmt::format("{:.2f} s CPU ({:.2f} %), {:.1f} MiB (PSS; RSS {:.1f})", cost.cpu_seconds,
                     launcher.seconds > 0 ? cost.cpu_seconds / launcher.seconds * 100 : 0,
                     static_cast<double>(cost.peak_pss_bytes) / kMiB, static_cast<double>(cost.peak_rss_bytes) / kMiB));
  }
  if (const auto sandbox = summary.find("sandbox"); sandbox != summary.end() && sandbox->is_array())
    for (const auto& sentence : *sandbox)
      if (sentence.is_string()) line("note", printable(sentence.get<std::string>()));
  for (const auto& file : launcher.files) line("wrote", printable(file));
  return text;
}

}  // namespace

Result<RunReport> make_run_report(const std::string& processor_summary, const LauncherFacts& launcher) {
  if (processor_summary.size() > kMaxSummaryBytes) return fail(Errc::too_large, "the processor's summary is too large");
  Json summary = Json::parse(processor_summary, nullptr, false);
  if (!summary.is_object()) return fail(Errc::malformed, "the processor left no summary");
  summary["seconds"] = launcher.seconds;
  summary["start_up"] = {
      {"connected_ms", milliseconds_after(launcher.started_ns, count(summary, "connected_ns"))},
      {"first_sample_ms", milliseconds_after(launcher.started_ns, count(summary, "first_sample_ns"))}};
  summary["processes"] = processes_as_json(launcher);
  // `replace`: a name that is not UTF-8 must not cost the whole summary.
  return RunReport{summary.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", describe(summary, launcher)};
}

}  // namespace splitprof
