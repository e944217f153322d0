// SPDX-License-Identifier: Apache-2.0
//
// Paths as compilers write them, which are texts here and nothing that is opened.
#pragma once

#include <string>
#include <string_view>

namespace splitprof::dwarf {

inline bool is_absolute(std::string_view path) {
  return path.starts_with('/');
}

inline void append_path(std::string& path, std::string_view part) {
  if (part.empty()) return;
  if (!path.empty() && !path.ends_with('/')) path += '/';
  path += part;
}

}  // namespace splitprof::dwarf
