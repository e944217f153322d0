// SPDX-License-Identifier: Apache-2.0
//
// What outputs ask for names. One call a frame; the answers are cached by whoever implements it. Never touches a file:
// tables were loaded before, by workers.
#pragma once

#include <string>
#include <vector>

#include "processor/traces/trace.h"

namespace splitprof {

// The mapped file (or kernel module) that a frame belongs to.
struct Module {
  std::string path;      // as mapped; "[kernel]", "[ext4]", "[bpf]", "[vdso]", or empty: unknown
  std::string build_id;  // lower-case hexadecimal; empty: none
  std::string htl_hash;  // of a mapped file, see processor/elf/htl_hash.h; empty: unknown
  bool go = false;       // a program with Go in it
  uint64_t start = 0;    // of the kernel's: what the frame's address is counted from; 0: unknown
};

class Symbolizer {
 public:
  virtual ~Symbolizer() = default;
  // Innermost first; empty when nobody knows a name for the frame.
  virtual std::vector<Symbol> symbolize(const Frame& frame) const = 0;
  virtual Module module(const Frame& frame) const = 0;
};

}  // namespace splitprof
