// SPDX-License-Identifier: Apache-2.0
//
// PythonVersion: which CPython a file holds, and how the file tells. A worker's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "processor/elf/file.h"
#include "shared/result.h"

namespace splitprof {

struct PythonSymbols;

struct PythonVersion {
  uint8_t major = 0;
  uint8_t minor = 0;
  uint8_t micro = 0;
  bool micro_known = false;
  bool free_threaded = false;  // built without the GIL, which changes every layout

  bool at_least(int wanted_major, int wanted_minor) const {
    return major != wanted_major ? major > wanted_major : minor >= wanted_minor;
  }
  std::string text() const;  // "3.11.2", "3.13.5t"; "3.6" where no more is known
  friend bool operator==(const PythonVersion&, const PythonVersion&) = default;
};

// PY_VERSION_HEX (CPython's Include/patchlevel.h).
PythonVersion python_version_of_hex(uint32_t hex);
// "3.8.18", "3.8", "3.13.0t": what `text` begins with; nothing: no version.
std::optional<PythonVersion> python_version_of_text(std::string_view text);
// By name: python3.8, libpython3.6m.so.1.0.
std::optional<PythonVersion> python_version_of_path(std::string_view path);

// By content, and by name where content does not tell. unsupported: it cannot be told.
Result<PythonVersion> read_python_version(const ElfFile& file, const PythonSymbols& symbols, std::string_view path);

}  // namespace splitprof
