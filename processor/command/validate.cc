// SPDX-License-Identifier: Apache-2.0
#include "processor/command/validate.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "processor/config/collector_config.h"
#include "processor/config/environment.h"

namespace splitprof {

int validate(const ValidateOptions& options) {
  ConfigSources sources;
  sources.documents = options.documents;
  sources.settings = options.settings;
  sources.feature_gates = options.feature_gates;
  sources.environment = environment_variable;
  if (options.print) {
    const auto text = print_collector_config(sources);
    fmt::print(text ? stdout : stderr, "{}", text ? *text : text.error().message + "\n");
    return text ? 0 : 1;
  }
  const auto config = read_collector_config(sources);
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message);
    return 1;
  }
  for (const auto& note : config->notes) fmt::print(stderr, "note: {}\n", note);
  for (const auto& pipeline : config->pipelines)
    fmt::print("{}: {} -> {}\n", pipeline.name, fmt::join(pipeline.receivers, ", "),
               fmt::join(pipeline.exporters, ", "));
  fmt::print("valid\n");
  return 0;
}

}  // namespace splitprof
