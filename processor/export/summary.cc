// SPDX-License-Identifier: Apache-2.0
#include "processor/export/summary.h"

#include <nlohmann/json.hpp>

namespace splitprof {

namespace {

using nlohmann::json;

double share(uint64_t part, uint64_t whole, double scale, double when_empty) {
  return whole == 0 ? when_empty : static_cast<double>(part) * scale / static_cast<double>(whole);
}

json accounting_json(const std::vector<Accounting>& equations) {
  auto list = json::array();
  for (const Accounting& one : equations) {
    list.push_back(
        {{"equation", one.equation}, {"left", one.left}, {"right", one.right}, {"equal", one.left == one.right}});
  }
  return list;
}

json processes_json(const std::vector<ProcessCost>& processes) {
  auto list = json::array();
  for (const ProcessCost& one : processes) {
    list.push_back({{"name", one.name},
                    {"pid", one.pid},
                    {"cpu_user_ns", one.cpu_user_ns},
                    {"cpu_system_ns", one.cpu_system_ns},
                    {"peak_pss_bytes", one.peak_pss_bytes},
                    {"peak_rss_bytes", one.peak_rss_bytes}});
  }
  return list;
}

void read_accounting(const json& list, std::vector<Accounting>& equations) {
  for (const json& one : list) {
    equations.push_back({.equation = one.at("equation").get<std::string>(),
                         .left = one.at("left").get<uint64_t>(),
                         .right = one.at("right").get<uint64_t>()});
  }
}

void read_processes(const json& list, std::vector<ProcessCost>& processes) {
  for (const json& one : list) {
    processes.push_back({.name = one.at("name").get<std::string>(),
                         .pid = one.at("pid").get<uint32_t>(),
                         .cpu_user_ns = one.at("cpu_user_ns").get<uint64_t>(),
                         .cpu_system_ns = one.at("cpu_system_ns").get<uint64_t>(),
                         .peak_pss_bytes = one.at("peak_pss_bytes").get<uint64_t>(),
                         .peak_rss_bytes = one.at("peak_rss_bytes").get<uint64_t>()});
  }
}

RunSummary read(const json& in) {
  RunSummary s;
  in.at("version").get_to(s.version);
  const json& run = in.at("run");
  run.at("host_name").get_to(s.host_name);
  run.at("kernel_release").get_to(s.kernel_release);
  run.at("architecture").get_to(s.architecture);
  run.at("target").get_to(s.target);
  run.at("online_cpus").get_to(s.online_cpus);
  run.at("hz").get_to(s.hz);
  run.at("started_realtime_ns").get_to(s.started_realtime_ns);
  run.at("duration_ns").get_to(s.duration_ns);
  const json& samples = in.at("samples");
  samples.at("taken").get_to(s.samples.taken);
  samples.at("delivered").get_to(s.samples.delivered);
  samples.at("aggregated").get_to(s.samples.aggregated);
  samples.at("lost").get_to(s.samples.lost);
  in.at("stacks").at("whole").get_to(s.stacks.whole);
  in.at("stacks").at("truncated").get_to(s.stacks.truncated);
  const json& named = in.at("named");
  named.at("samples").get_to(s.named.samples);
  named.at("leaf_named").get_to(s.named.leaf_named);
  named.at("all_named").get_to(s.named.all_named);
  named.at("frames").get_to(s.named.frames);
  named.at("frames_named").get_to(s.named.frames_named);
  const json& bpf = in.at("bpf");
  bpf.at("samples").get_to(s.bpf.samples);
  bpf.at("walk_ns").get_to(s.bpf.walk_ns);
  bpf.at("user_frames").get_to(s.bpf.user_frames);
  bpf.at("kernel_frames").get_to(s.bpf.kernel_frames);
  const json& start_up = in.at("start_up");
  start_up.at("started_ns").get_to(s.start_up.started_ns);
  start_up.at("connected_ns").get_to(s.start_up.connected_ns);
  start_up.at("first_sample_ns").get_to(s.start_up.first_sample_ns);
  in.at("sandbox").get_to(s.sandbox);
  read_accounting(in.at("accounting"), s.accounting);
  read_processes(in.at("processes"), s.processes);
  in.at("counters").get_to(s.counters);
  return s;
}

}  // namespace

uint64_t RunSummary::Stacks::truncated_total() const {
  uint64_t sum = 0;
  for (const auto& [reason, count] : truncated) sum += count;
  return sum;
}

double RunSummary::Stacks::whole_percent() const {
  return share(whole, whole + truncated_total(), 100, 100);
}
double RunSummary::Named::percent() const {
  return share(all_named, samples, 100, 100);
}
double RunSummary::Named::frames_percent() const {
  return share(frames_named, frames, 100, 100);
}
double RunSummary::Bpf::ns_per_sample() const {
  return share(walk_ns, samples, 1, 0);
}
double RunSummary::Bpf::frames_per_sample() const {
  return share(user_frames + kernel_frames, samples, 1, 0);
}

std::string to_json(const RunSummary& s) {
  const json out{
      {"version", s.version},
      {"run",
       {{"host_name", s.host_name},
        {"kernel_release", s.kernel_release},
        {"architecture", s.architecture},
        {"target", s.target},
        {"online_cpus", s.online_cpus},
        {"hz", s.hz},
        {"started_realtime_ns", s.started_realtime_ns},
        {"duration_ns", s.duration_ns}}},
      {"samples",
       {{"taken", s.samples.taken},
        {"delivered", s.samples.delivered},
        {"aggregated", s.samples.aggregated},
        {"lost", s.samples.lost}}},
      {"stacks",
       {{"whole", s.stacks.whole}, {"truncated", s.stacks.truncated}, {"whole_percent", s.stacks.whole_percent()}}},
      {"named",
       {{"samples", s.named.samples},
        {"leaf_named", s.named.leaf_named},
        {"all_named", s.named.all_named},
        {"frames", s.named.frames},
        {"frames_named", s.named.frames_named},
        {"frames_percent", s.named.frames_percent()}}},
      {"named_percent", s.named.percent()},
      {"bpf",
       {{"samples", s.bpf.samples},
        {"walk_ns", s.bpf.walk_ns},
        {"user_frames", s.bpf.user_frames},
        {"kernel_frames", s.bpf.kernel_frames},
        {"ns_per_sample", s.bpf.ns_per_sample()},
        {"frames_per_sample", s.bpf.frames_per_sample()}}},
      {"start_up",
       {{"started_ns", s.start_up.started_ns},
        {"connected_ns", s.start_up.connected_ns},
        {"first_sample_ns", s.start_up.first_sample_ns}}},
      {"sandbox", s.sandbox},
      {"accounting", accounting_json(s.accounting)},
      {"processes", processes_json(s.processes)},
      {"counters", s.counters},
  };
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<RunSummary> summary_from_json(std::string_view text) {
  try {
    return read(json::parse(text));
  } catch (const json::exception& error) {
    return fail(Errc::malformed, "not a run's summary: {}", error.what());
  }
}

}  // namespace splitprof
