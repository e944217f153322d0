// SPDX-License-Identifier: Apache-2.0
//
// This process's environment, as ConfigSources asks for it.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace splitprof {

inline std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace splitprof
