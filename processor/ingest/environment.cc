// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/environment.h"

#include <algorithm>

namespace splitprof {
namespace {

// Calls `take(name, value)` for each variable, until it returns false.
template <typename Take>
void for_each_variable(std::string_view environment, Take take) {
  while (!environment.empty()) {
    const auto entry = environment.substr(0, environment.find('\0'));
    environment.remove_prefix(std::min(entry.size() + 1, environment.size()));
    const auto equals = entry.find('=');
    if (equals == entry.npos || equals == 0) continue;
    if (!take(entry.substr(0, equals), entry.substr(equals + 1))) return;
  }
}

}  // namespace

std::string pick_variables(std::string_view environment, const std::vector<std::string>& names) {
  std::string picked;
  std::vector<std::string_view> left(names.begin(), names.end());
  if (left.size() > kMaxVariables) left.resize(kMaxVariables);
  for_each_variable(environment, [&](std::string_view name, std::string_view value) {
    if (std::erase(left, name) == 0) return true;
    picked += name;
    picked += '=';
    picked += value.substr(0, kMaxVariableBytes);
    picked += '\0';
    return !left.empty();
  });
  return picked;
}

std::vector<std::pair<std::string, std::string>> split_variables(std::string_view picked) {
  std::vector<std::pair<std::string, std::string>> variables;
  for_each_variable(picked, [&](std::string_view name, std::string_view value) {
    variables.emplace_back(name, value.substr(0, kMaxVariableBytes));
    return variables.size() < kMaxVariables;
  });
  return variables;
}

}  // namespace splitprof
