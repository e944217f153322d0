// SPDX-License-Identifier: Apache-2.0
#include "processor/command/check.h"

#include <fmt/core.h>
#include <unistd.h>

#include "processor/command/host_facts.h"
#include "processor/command/judgement.h"

namespace splitprof {
namespace {

struct LevelLook {
  const char *word, *colour;
};
LevelLook look_of(Finding::Level level) {
  if (level == Finding::Level::ok) return {"ok  ", "\033[32m"};
  if (level == Finding::Level::warn) return {"warn", "\033[33m"};
  return {"FAIL", "\033[31m"};
}

void print(const Finding& finding, bool colour) {
  const auto look = look_of(finding.level);
  fmt::print("{}{}{}  {:<24} {}\n", colour ? look.colour : "", look.word, colour ? "\033[0m" : "", finding.what,
             finding.found);
  if (!finding.cost.empty()) fmt::print("      {:<24} {}\n", "", finding.cost);
  if (!finding.mend.empty()) fmt::print("      {:<24} mend: {}\n", "", finding.mend);
}

}  // namespace

int check_host() {
  int warnings = 0, failures = 0;
  const bool colour = isatty(STDOUT_FILENO) == 1;
  for (const auto& finding : judge(read_host_facts())) {
    print(finding, colour);
    warnings += finding.level == Finding::Level::warn;
    failures += finding.level == Finding::Level::fail;
  }
  if (failures > 0) {
    fmt::print("\nRecording cannot work here: {} thing{} to mend first.\n", failures, failures == 1 ? "" : "s");
    return 1;
  }
  fmt::print("\nRecording can work here{}.\n",
             warnings == 0 ? "" : fmt::format(", with {} warning{}", warnings, warnings == 1 ? "" : "s"));
  return 0;
}

}  // namespace splitprof
