// SPDX-License-Identifier: Apache-2.0
//
// Function: what a frame of an interpreter is called, and which line each place in it belongs to. A plain value that
// runtimes make on workers; equal ones of all processes are kept once (processor/runtimes/functions.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace splitprof {

struct Function {
  // The line that holds from a position on, until the next entry.
  struct LineEntry {
    uint32_t position = 0;  // in the runtime's own units
    uint32_t line = 0;      // 0: no line
    friend bool operator==(const LineEntry&, const LineEntry&) = default;
  };
  std::string name;         // valid UTF-8, as people read it: with its class or module where the runtime knows. Empty:
                            // of the interpreter's own, nothing that people wrote
  std::string file;         // valid UTF-8; empty: unknown
  uint32_t first_line = 0;  // 0: unknown
  std::vector<LineEntry> lines;  // by position, strictly ascending; two neighbours never have the same line
  friend bool operator==(const Function&, const Function&) = default;

  // The line at `position`; the function's first one where nothing is known.
  uint32_t line_at(uint32_t position) const;
};

}  // namespace splitprof
