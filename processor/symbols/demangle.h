// SPDX-License-Identifier: Apache-2.0
//
// Turns the symbol names of C++ (Itanium ABI), Rust (legacy and v0) and D back into source names: without parameters
// and without Rust's hashes, as people search for them. Go's names need nothing. Names come from hostile files, so
// input, output, depth and work are bounded. Keeps nothing; safe from any thread that has 4 MiB of stack. Callers
// cache.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace splitprof {

// Of a longer name libiberty would not take the recursion limit (2 * length components > DEMANGLE_RECURSION_LIMIT).
constexpr size_t kMaxMangledBytes = 1024;
constexpr size_t kMaxDemangledBytes = 8192;

// By its first two bytes. Costs nothing.
inline bool may_be_mangled(std::string_view name) {
  return name.size() > 2 && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R' || name[1] == 'D');
}

// Nothing when `name` is not a mangled name, or one that breaks a bound.
std::optional<std::string> demangle(std::string_view name);

}  // namespace splitprof
