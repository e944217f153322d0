// SPDX-License-Identifier: Apache-2.0
//
// PythonVersion: which CPython a file holds, as PY_VERSION_HEX says it (CPython's Include/patchlevel.h) and whether it
// was built without the GIL, which changes every layout.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace splitprof {

struct PythonVersion {
  uint8_t major = 0;
  uint8_t minor = 0;
  uint8_t micro = 0;
  bool free_threaded = false;
  bool micro_known = true;

  // Layouts depend on major and minor.
  bool at_least(int wanted_major, int wanted_minor) const {
    return major != wanted_major ? major > wanted_major : minor >= wanted_minor;
  }
  std::string text() const;  // "3.11.2", "3.13.5t"; "3.6" where no more is known
  friend bool operator==(const PythonVersion&, const PythonVersion&) = default;
};

}  // namespace splitprof
