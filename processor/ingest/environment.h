// SPDX-License-Identifier: Apache-2.0
//
// Variables of a process's environment: bytes that the process may have written at will. Only those that were asked for
// are ever kept, so that no other secret goes on, into a capture least of all. Pure functions, bounded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace splitprof {

constexpr size_t kMaxVariables = 64;        // of one process
constexpr size_t kMaxVariableBytes = 1024;  // of a value; what is longer is cut

// Of `environment` (NAME=value, each ended by a zero byte, as /proc/PID/environ has it) the variables of these names,
// in the same form. Of several with one name the first counts, as for getenv().
std::string pick_variables(std::string_view environment, const std::vector<std::string>& names);

// What pick_variables() made, as pairs of name and value.
std::vector<std::pair<std::string, std::string>> split_variables(std::string_view picked);

}  // namespace splitprof
