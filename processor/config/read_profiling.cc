// SPDX-License-Identifier: Apache-2.0
//
// receivers.profiling: every key of the OpenTelemetry eBPF profiler's receiver (collector/config at commit b442421a of
// August 2026, and of the collectors of Elastic 9.2). Those of 9.2 are known by the names of its fields, too.
#include <algorithm>
#include <charconv>

#include "processor/config/reading.h"

namespace splitprof::config {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000, kMinuteNs = 60 * kSecondNs;

// Key of today, and the name of its field in the collectors of 9.2 (collector/config.go at e24ce9af).
constexpr std::pair<const char*, const char*> kFieldNames[] = {
    {"ReporterInterval", "reporter_interval"},
    {"MonitorInterval", "monitor_interval"},
    {"SamplesPerSecond", "samples_per_second"},
    {"ProbabilisticInterval", "probabilistic_interval"},
    {"ProbabilisticThreshold", "probabilistic_threshold"},
    {"Tracers", "tracers"},
    {"ClockSyncInterval", "clock_sync_interval"},
    {"SendErrorFrames", "send_error_frames"},
    {"VerboseMode", "verbose_mode"},
    {"OffCPUThreshold", "off_cpu_threshold"},
    {"IncludeEnvVars", "include_env_vars"},
    {"UProbeLinks", "u_probe_links"},
    {"LoadProbe", "load_probe"},
    {"MapScaleFactor", "map_scale_factor"},
    {"BPFVerifierLogLevel", "bpf_verifier_log_level"},
    {"NoKernelVersionCheck", "no_kernel_version_check"},
    {"MaxGRPCRetries", "max_grpc_retries"},
    {"MaxRPCMsgSize", "max_rpc_msg_size"},
};

constexpr const char* kInterpreters[] = {"python", "perl",   "php", "hotspot", "ruby",
                                         "v8",     "dotnet", "go",  "beam",    "luajit"};

std::optional<uint32_t> parse_cpu(std::string_view text) {
  constexpr uint32_t kMaxCpu = 8191;  // NR_CPUS of Linux on x86-64 at most, arch/x86/Kconfig
  uint32_t cpu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc() || end != text.data() + text.size() || cpu > kMaxCpu) return {};
  return cpu;
}

// "0-3,8", as in /sys/devices/system/cpu.
std::optional<std::vector<uint32_t>> parse_cpus(std::string_view text) {
  std::set<uint32_t> cpus;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const size_t dash = part.find('-');
    const auto first = parse_cpu(part.substr(0, dash));
    const auto last = dash == part.npos ? first : parse_cpu(part.substr(dash + 1));
    if (!first || !last || *first > *last) return {};
    for (uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.insert(cpu);
  }
  return std::vector<uint32_t>(cpus.begin(), cpus.end());
}

void read_interpreters(Section interpreters, std::vector<std::string>& disabled) {
  for (const char* name : kInterpreters) {
    Section interpreter = interpreters.section(name);
    bool off = false;
    interpreter.flag("disabled", off);
    if (off) disabled.emplace_back(name);
    if (std::string_view(name) != "go") continue;
    for (const char* part : {"labels", "symbolization"}) {
      Section section = interpreter.section(part);
      bool part_off = off;
      section.flag("disabled", part_off);
      if (part_off) disabled.push_back(std::string("go.") + part);
    }
  }
}

// The older spelling of interpreters: "all", or those that are on.
void read_tracers(Section& section, std::vector<std::string>& disabled) {
  std::vector<std::string> on;
  section.texts("tracers", on);
  if (!section.has("tracers")) return;
  if (section.has("interpreters")) section.error("tracers", "tracers is the older spelling of interpreters; keep that");
  if (std::find(on.begin(), on.end(), "all") != on.end()) return;
  for (const auto& name : on) {
    const bool known = name == "labels" || std::any_of(std::begin(kInterpreters), std::end(kInterpreters),
                                                       [&](const char* each) { return name == each; });
    if (!known) section.error("tracers", "unknown tracer \"{}\"", shown(name));
  }
  for (const char* name : kInterpreters)
    if (std::find(on.begin(), on.end(), name) == on.end()) disabled.emplace_back(name);
  if (std::find(on.begin(), on.end(), "labels") == on.end()) disabled.emplace_back("go.labels");
}

void read_cpus(Section& section, std::vector<uint32_t>& out) {
  std::string text;
  section.text("pin_cpu_ids", text);
  const auto cpus = parse_cpus(text);
  if (cpus)
    out = *cpus;
  else
    section.error("pin_cpu_ids", "pin_cpu_ids has to be a list of CPUs from 0 to 8191, as in \"0-3,8\", not \"{}\"",
                  shown(text));
}

// Known, checked as the profiler checks them, and without a counterpart here.
void read_foreign_keys(Section& section) {
  uint64_t unused = 0;
  section.number("frame_cache_size", 1024, 1024 * 1024, unused);
  section.ignore("frame_cache_size", "names are kept as long as the executable is in memory");
  section.number("map_scale_factor", 0, 8, unused);
  section.ignore("map_scale_factor", "tables grow with what they hold, up to the sampler's --table-memory");
  section.number("bpf_verifier_log_level", 0, 2, unused);
  section.ignore("bpf_verifier_log_level", "the sampler prints the verifier's log when a program is refused");
  section.ignore({"max_grpc_retries", "max_rpc_msg_size"}, "nothing is sent by gRPC");
  section.ignore("bpf_fs_root", "nothing is pinned there");
  section.ignore("pid_namespace_translation", "the sampler translates wherever it is in a namespace of its own");
  section.refuse(
      {"off_cpu_threshold", "probes", "u_probe_links", "load_probe", "obi_process_ctx", "allow_startup_failure"}, "");
  size_t mode = 0;
  section.choice("error_mode", {"propagate", "ignore"}, mode);
  if (mode == 1)
    section.error("error_mode", "not supported yet: error_mode: ignore; a start that fails ends the program");
}

}  // namespace

ProfilingReceiverOptions read_profiling(Section& section, Reading&) {
  ProfilingReceiverOptions options;
  for (const auto& [field, key] : kFieldNames) section.rename(field, key);

  section.number("samples_per_second", 1, 1000, options.samples_per_second);
  section.duration("reporter_interval", kSecondNs, 60 * kMinuteNs, options.reporter_interval_ns);
  section.real("reporter_jitter", 0, 1, options.reporter_jitter);
  section.duration("monitor_interval", kSecondNs, 24 * 60 * kMinuteNs, options.monitor_interval_ns);
  section.duration("clock_sync_interval", kSecondNs, 24 * 60 * kMinuteNs, options.clock_sync_interval_ns);
  section.duration("probabilistic_interval", kMinuteNs, 5 * kMinuteNs, options.probabilistic_interval_ns);
  section.number("probabilistic_threshold", 1, 100, options.probabilistic_threshold);
  section.flag("send_error_frames", options.send_error_frames);
  section.flag("send_idle_frames", options.send_idle_frames);
  section.duration("filter_min_process_age", 0, INT64_MAX, options.filter_min_process_age_ns);
  section.texts("include_env_vars", options.include_env_vars);
  read_cpus(section, options.cpus);
  section.flag("verbose_mode", options.verbose);
  bool no_check = false;
  section.flag("no_kernel_version_check", no_check);
  options.check_kernel_version = !no_check;
  read_interpreters(section.section("interpreters"), options.disabled_interpreters);
  read_tracers(section, options.disabled_interpreters);
  read_foreign_keys(section);
  return options;
}

}  // namespace splitprof::config
