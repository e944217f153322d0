// SPDX-License-Identifier: Apache-2.0
#include "processor/export/summary.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

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

// Numbers are taken only as they are: a conversion of any other number might not be defined.
template <typename Number>
void read(const json& in, const char* name, Number& into) {
  const json& value = in.at(name);
  const bool negative = std::is_signed_v<Number> && value.is_number_integer() && !value.is_number_unsigned();
  const auto fits = [&] { return value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<Number>::max()); };
  if (!negative && !(value.is_number_unsigned() && fits())) {
    throw json::type_error::create(302, std::string(name) + " is not a number in range", &value);
  }
  value.get_to(into);
}

void read(const json& in, const char* name, std::string& into) {
  in.at(name).get_to(into);
}

void read(const json& in, const char* name, RunSummary::Reasons& into) {
  for (const auto& [key, value] : in.at(name).items()) read(in.at(name), key.c_str(), into[key]);
}

void read(const json& list, std::vector<Accounting>& equations) {
  for (const json& one : list) {
    auto& equation = equations.emplace_back();
    read(one, "equation", equation.equation);
    read(one, "left", equation.left);
    read(one, "right", equation.right);
  }
}

void read(const json& list, std::vector<ProcessCost>& processes) {
  for (const json& one : list) {
    auto& process = processes.emplace_back();
    read(one, "name", process.name);
    read(one, "pid", process.pid);
    read(one, "cpu_user_ns", process.cpu_user_ns);
    read(one, "cpu_system_ns", process.cpu_system_ns);
    read(one, "peak_pss_bytes", process.peak_pss_bytes);
    read(one, "peak_rss_bytes", process.peak_rss_bytes);
  }
}

RunSummary read(const json& in) {
  RunSummary s;
  read(in, "version", s.version);
  const json& run = in.at("run");
  read(run, "host_name", s.host_name);
  read(run, "kernel_release", s.kernel_release);
  read(run, "architecture", s.architecture);
  read(run, "target", s.target);
  read(run, "online_cpus", s.online_cpus);
  read(run, "hz", s.hz);
  read(run, "started_realtime_ns", s.started_realtime_ns);
  read(run, "duration_ns", s.duration_ns);
  const json& samples = in.at("samples");
  read(samples, "taken", s.samples.taken);
  read(samples, "delivered", s.samples.delivered);
  read(samples, "aggregated", s.samples.aggregated);
  read(samples, "filtered", s.samples.filtered);
  read(samples, "lost", s.samples.lost);
  read(in.at("stacks"), "whole", s.stacks.whole);
  read(in.at("stacks"), "truncated", s.stacks.truncated);
  const json& named = in.at("named");
  read(named, "samples", s.named.samples);
  read(named, "leaf_named", s.named.leaf_named);
  read(named, "all_named", s.named.all_named);
  read(named, "frames", s.named.frames);
  read(named, "frames_named", s.named.frames_named);
  const json& bpf = in.at("bpf");
  read(bpf, "samples", s.bpf.samples);
  read(bpf, "walk_ns", s.bpf.walk_ns);
  read(bpf, "user_frames", s.bpf.user_frames);
  read(bpf, "kernel_frames", s.bpf.kernel_frames);
  const json& start_up = in.at("start_up");
  read(start_up, "started_ns", s.start_up.started_ns);
  read(start_up, "connected_ns", s.start_up.connected_ns);
  read(start_up, "first_sample_ns", s.start_up.first_sample_ns);
  in.at("sandbox").get_to(s.sandbox);
  read(in.at("accounting"), s.accounting);
  read(in.at("processes"), s.processes);
  read(in, "counters", s.counters);
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
        {"filtered", s.samples.filtered},
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
