// SPDX-License-Identifier: Apache-2.0
//
// splitprof: the command that people type. Flags in, one function per subcommand.
#include <CLI/CLI.hpp>
#include <ctime>
#include <string>

#include "processor/command/backlog.h"
#include "processor/command/check.h"
#include "processor/command/duration.h"
#include "processor/command/record.h"
#include "processor/command/report.h"
#include "processor/command/run.h"
#include "processor/command/validate.h"

namespace {

uint64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// CLI11 calls this to check --duration: an empty string is its word for "fine".
std::string check_duration(const std::string& text) {
  const auto seconds = splitprof::parse_duration(text);
  return seconds.has_value() ? "" : seconds.error().message;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t started_ns = now_ns();
  CLI::App app("A profiler for the whole machine, in two processes: one that may look, one that understands.",
               "splitprof");
  app.require_subcommand(1);
  app.set_version_flag("--version", SPLITPROF_VERSION);

  splitprof::RecordOptions options;
  std::string duration;
  auto* record = app.add_subcommand("record", "Profile this machine, some processes or a command");
  record->add_option("-d,--duration", duration, "How long: 30s, 500ms, 2m, 1h (default: until Ctrl-C or COMMAND's end)")
      ->check(CLI::Validator(check_duration, "TIME"));
  record->add_option("-F,--frequency", options.hz, "Samples a second of each busy CPU")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  record->add_option("-p,--pid", options.pids, "Only this process and its descendants (repeatable)")
      ->allow_extra_args(false);
  record
      ->add_option("-o,--output", options.outputs,
                   "File to write, its format by its end: .folded .pb.gz .speedscope.json .html "
                   ".splitprof (repeatable)")
      ->allow_extra_args(false);
  record
      ->add_option(
          "--all-formats", options.all_formats,
          "Folder for one file of each format but .splitprof, and both summaries; is made when it is not there")
      ->type_name("DIR");
  record->add_option("--capture-limit", options.capture_limit_mib, "MiB that a .splitprof may have")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  record
      ->add_option("--summary", options.summaries,
                   "File for the summary: JSON when it ends in .json, else text (repeatable)")
      ->allow_extra_args(false);
  record->add_option("--deny", options.deny, "Never look at: exe=PATH, uid=N or cgroup=PATH (repeatable)")
      ->allow_extra_args(false);
  record->add_option("--log-level", options.log_level, "Of both daemons: debug, info, warn, error")
      ->capture_default_str();
  record->add_flag("-q,--quiet", options.quiet, "No progress, no summary on the terminal");
  record->add_option("COMMAND", options.command, "After --: run it as the invoking user and profile it");
  record->footer(
      "Examples:\n"
      "  sudo splitprof record --duration 30s -o flamegraph.html\n"
      "  sudo splitprof record -p 1234 -F 997 -o profile.pb.gz --summary summary.json\n"
      "  sudo splitprof record -o build.html -- make -j8\n"
      "Exit status: COMMAND's, or 0; 1 when the recording failed; above 100 for wrong flags.");

  splitprof::ReportOptions report_options;
  auto* report =
      app.add_subcommand("report", "Make outputs from a capture (record -o FILE.splitprof); needs no rights");
  report->add_option("CAPTURE", report_options.capture, "What record wrote")->required();
  report
      ->add_option("-o,--output", report_options.outputs,
                   "File to write, its format by its end: .folded .pb.gz .speedscope.json .html (repeatable)")
      ->allow_extra_args(false);
  report
      ->add_option("--summary", report_options.summaries,
                   "File for the summary: JSON when it ends in .json, else text (repeatable)")
      ->allow_extra_args(false);
  report->add_flag("--damaged", report_options.damaged, "Use what stands before the damage of a cut or broken capture");
  report->add_option("--log-level", report_options.log_level, "debug, info, warn, error")->capture_default_str();
  report->add_flag("-q,--quiet", report_options.quiet, "No summary on the terminal");
  report->footer(
      "Example: splitprof report session.splitprof -o flamegraph.html\n"
      "Exit status: 0; 1 when the capture is damaged (see --damaged) or an output failed; above 100 for wrong flags.");

  std::string capture;
  auto* info = app.add_subcommand("capture-info", "Say what is in a capture, secrets included");
  info->add_option("CAPTURE", capture, "What record wrote")->required();
  info->footer("Exit status: 0; 1 when the capture is damaged, or none.");

  std::string backlog_folder;
  bool backlog_as_json = false;
  auto* backlog = app.add_subcommand("backlog", "Say what waits in a backlog's folder to be sent, and what is damaged");
  backlog->add_option("DIR", backlog_folder, "The exporter's folder")->required();
  backlog->add_flag("--json", backlog_as_json, "As JSON");
  backlog->footer("Exit status: 0; 1 when something is damaged, or the folder cannot be read.");

  splitprof::RunOptions run_options;
  auto* run = app.add_subcommand("run", "Profile always, by a collector's configuration; as otelcol would be started");
  run->add_option("--config", run_options.configs, "A path, file:PATH, env:NAME or yaml:TEXT; repeated ones are merged")
      ->required()
      ->allow_extra_args(false);
  run->add_option("--set", run_options.settings, "KEY=VALUE: overrides one value of the configuration (repeatable)")
      ->allow_extra_args(false);
  run->add_option("--feature-gates", run_options.feature_gates, "As the collector's: service.profilesSupport")
      ->allow_extra_args(false);
  run->add_option("--deny", run_options.deny, "Never look at: exe=PATH, uid=N or cgroup=PATH (repeatable)")
      ->allow_extra_args(false);
  run->add_option("--state", run_options.state_folder, "Folder for what could not be sent yet (/var/lib/splitprof)");
  run->add_option("--log-level", run_options.log_level,
                  "Of both daemons: debug, info, warn, error (info, or what the configuration says)");
  run->add_flag("!--no-telemetry", run_options.telemetry, "No page of counters on localhost");
  run->footer(
      "Example: sudo splitprof run --config otel.yml --feature-gates=service.profilesSupport\n"
      "Ends at SIGTERM or Ctrl-C, when everything is sent or kept. Exit status: 0, or 1 when something failed.");

  splitprof::ValidateOptions validate_options;
  auto* validate =
      app.add_subcommand("validate", "Say what is wrong with a configuration of the daemon; needs no rights");
  validate->add_option("FILE", validate_options.documents, "YAML; several are merged, as --config repeated")
      ->required();
  validate->add_option("--set", validate_options.settings, "KEY.KEY=VALUE, over what the files say (repeatable)")
      ->allow_extra_args(false);
  validate
      ->add_option("--feature-gates", validate_options.feature_gates,
                   "As the daemon is given it: service.profilesSupport (repeatable)")
      ->allow_extra_args(false);
  validate->add_flag("--print-config", validate_options.print, "Print the merged document instead, without secrets");
  validate->footer(
      "Example: splitprof validate otel.yml --feature-gates=service.profilesSupport\n"
      "Exit status: 0 when the processor would start with it, else 1.");

  auto* check = app.add_subcommand("check", "Say what this host allows, what is missing, what it costs, what mends it");
  check->footer(
      "Exit status: 0 when recording can work here, else 1. Run it with the rights that recording will have.");

  CLI11_PARSE(app, argc, argv);
  if (*backlog) return splitprof::list_backlog(backlog_folder, backlog_as_json);
  if (*check) return splitprof::check_host();
  if (*report) return splitprof::report(report_options);
  if (*run) return splitprof::run_configured(run_options);
  if (*validate) return splitprof::validate(validate_options);
  if (*info) return splitprof::capture_info(capture);
  if (!duration.empty()) options.duration_seconds = splitprof::parse_duration(duration).value();
  return splitprof::record(options, started_ns);
}
