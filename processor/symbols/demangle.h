// SPDX-License-Identifier: Apache-2.0
//
// Turns the symbol names of C++ (Itanium ABI) and Rust (legacy and v0) back into source names: without parameters and
// without Rust's hashes, as people search for them. Names come from hostile files, so input, output, depth and work are
// bounded. Keeps nothing; safe from any thread that has 4 MiB of stack. Callers cache.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace splitprof {

// Of a longer name libiberty would not take the recursion limit (2 * length components > DEMANGLE_RECURSION_LIMIT).
constexpr size_t kMaxMangledBytes = 1024;
constexpr size_t kMaxDemangledBytes = 8192;

// Nothing when `name` is not a mangled name, or one that breaks a bound.
std::optional<std::string> demangle(std::string_view name);

}  // namespace splitprof
