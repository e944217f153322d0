// SPDX-License-Identifier: Apache-2.0
#include "processor/options.h"

#include <CLI/CLI.hpp>
#include <charconv>

namespace splitprof {
namespace {

std::optional<OutputTarget> parse_output(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  OutputTarget target;
  const auto format = text.substr(0, colon);
  if (format == "folded")
    target.format = OutputTarget::Format::folded;
  else if (format == "pprof")
    target.format = OutputTarget::Format::pprof;
  else if (format == "html")
    target.format = OutputTarget::Format::html;
  else if (format == "speedscope")
    target.format = OutputTarget::Format::speedscope;
  else
    return std::nullopt;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, target.fd);
  if (error != std::errc() || rest != end || target.fd < 0) return std::nullopt;
  return target;
}

}  // namespace

ParsedOptions parse_options(int argc, char** argv) {
  ProcessorOptions options;
  CLI::App app(
      "Turns what splitprof-sampler records into profiles. Needs no privilege: started as root it becomes another user "
      "before it reads its first byte. Ends at SIGINT, SIGTERM or --duration, and then writes its outputs.",
      "splitprof-processor");
  app.set_version_flag("--version", SPLITPROF_VERSION);
  auto* path = app.add_option("--sampler", options.sampler_path, "Socket of the sampler")->type_name("PATH");
  auto* fd = app.add_option("--sampler-fd", options.sampler_fd, "Inherited descriptor that is connected to the sampler")
                 ->type_name("N")
                 ->check(CLI::NonNegativeNumber)
                 ->excludes(path);
  auto* replay = app.add_option("--replay-fd", options.replay_fd,
                                "Inherited descriptor of a capture, to be read instead of a sampler")
                     ->type_name("N")
                     ->check(CLI::NonNegativeNumber)
                     ->excludes(path)
                     ->excludes(fd);
  app.add_flag("--damaged", options.damaged, "Use what stands before the damage of a capture")->needs(replay);
  app.add_option("--capture-info-fd", options.capture_info_fd,
                 "Inherited descriptor to say on what is in the capture, instead of replaying it")
      ->type_name("N")
      ->needs(replay);
  app.add_option("--capture-fd", options.capture_fd, "Inherited descriptor of a file to capture the session in")
      ->type_name("N")
      ->excludes(replay);
  app.add_option("--capture-limit", options.capture_limit_mib, "MiB that a capture may have")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--user", options.user, "User to become when started as root")->type_name("NAME");
  auto* config = app.add_option("--config", options.configs,
                                "Runs as a daemon, by a collector's configuration; repeated ones are merged")
                     ->type_name("FILE|file:PATH|env:NAME|yaml:TEXT")
                     ->allow_extra_args(false)
                     ->excludes(replay);
  app.add_option("--set", options.settings, "Overrides one value of the configuration; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->needs(config);
  app.add_option("--feature-gates", options.feature_gates, "As the collector's: service.profilesSupport")
      ->type_name("[+-]NAME,…")
      ->allow_extra_args(false);
  app.add_flag("--print-config", options.print_config, "Shows the merged configuration, without secrets, and ends")
      ->needs(config);
  app.add_flag("!--no-telemetry", options.telemetry, "No page of counters on localhost");
  app.add_option("--state", options.state_folder, "Folder for what could not be sent yet")->type_name("DIR");
  std::vector<std::string> outputs;
  app.add_option("--output", outputs, "What to write at the end, and the inherited descriptor to write it to")
      ->type_name("folded|pprof|html|speedscope:N");
  app.add_option("--summary-fd", options.summary_fd, "Inherited descriptor for the run's summary, as JSON")
      ->type_name("N");
  app.add_option("--progress-fd", options.progress_fd, "Inherited descriptor for one line of JSON a second")
      ->type_name("N");
  app.add_option("--hz", options.hz, "Samples a second of busy time, for each CPU")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  std::vector<uint32_t> pids;
  app.add_option("--pid", pids, "Only this process and its descendants; may be repeated");
  app.add_option("--duration", options.duration_s, "Ends by itself after so many seconds")->type_name("SECONDS");
  std::string level;
  app.add_option("--log-level", level, "debug, info, warn or error (info, or what the configuration says)");
  try {
    app.parse(argc, argv);
    if (path->empty() && fd->empty() && replay->empty() && config->empty())
      throw CLI::RequiredError("--sampler, --sampler-fd, --replay-fd or --config");
    for (const auto& text : outputs) {
      const auto target = parse_output(text);
      if (!target) throw CLI::ValidationError("--output", text + " is not folded:N, pprof:N, html:N or speedscope:N");
      options.outputs.push_back(*target);
    }
    options.log_level = log::parse_level(level);
    if (!level.empty() && !options.log_level)
      throw CLI::ValidationError("--log-level", level + " is none of debug, info, warn, error");
  } catch (const CLI::ParseError& error) {
    return {.options = std::nullopt, .exit_code = app.exit(error)};
  }
  for (const uint32_t pid : pids) options.pids.emplace_back(pid);
  return {.options = std::move(options), .exit_code = 0};
}

}  // namespace splitprof
