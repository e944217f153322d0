// SPDX-License-Identifier: Apache-2.0
//
// A configuration as tests write it: documents, or names of examples, and what else the command line and the
// environment would say.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "processor/config/collector_config.h"

namespace splitprof::test {

struct Given {
  std::vector<std::string> documents;  // texts; "example:NAME" is a file of docs/examples
  std::map<std::string, std::string> environment;
  std::vector<std::string> settings;
  std::vector<std::string> gates{"service.profilesSupport"};
};

inline ConfigSources sources(const Given& given) {
  ConfigSources out;
  for (const auto& document : given.documents)
    out.documents.push_back(document.starts_with("example:")
                                ? SPLITPROF_SOURCE_DIR "/docs/examples/" + document.substr(8)
                                : "yaml:" + document);
  out.settings = given.settings;
  out.feature_gates = given.gates;
  out.environment = [environment = given.environment](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  return out;
}

inline CollectorConfig config(const Given& given) {
  auto result = read_collector_config(sources(given));
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : CollectorConfig{};
}

inline std::string error(const Given& given) {
  const auto result = read_collector_config(sources(given));
  return result ? "accepted" : result.error().message;
}

}  // namespace splitprof::test
