// SPDX-License-Identifier: Apache-2.0
//
// The trace model: what a sample has become once its addresses are tied to executables, and what every output is made
// from. Plain values, interned by Profile (processor/traces/profile.h); no names yet: names cost nothing until shown.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace splitprof {

// One entry of a stack. Two frames are the same when all of it is equal.
struct Frame {
  enum class Kind : uint8_t {
    native,   // place: number of the executable; address: ELF address
    kernel,   // place: 0; address: runtime address in the kernel
    unknown,  // place: 0; address: runtime address in no known mapping
    marker,   // place: enum Marker; address: how many frames are left out, for gap
    python,
    hotspot,
    v8,
    ruby,
    perl,
    php,
    dotnet,
    beam,
    go,
    luajit,
  };
  Kind kind = Kind::native;
  bool return_address = false;  // look up address - 1
  uint32_t place = 0;
  uint64_t address = 0;
  friend auto operator<=>(const Frame&, const Frame&) = default;
};

// Where to look a native or kernel frame up. A return address is the instruction after the call, which may belong to
// the next function already.
inline uint64_t address_to_look_up(const Frame& frame) {
  return frame.return_address && frame.address > 0 ? frame.address - 1 : frame.address;
}

// A marker stands where frames are missing, and says why. Values below 64 are those of bpf/counters.def.
struct Marker {
  static constexpr uint32_t kGap = 0x10000;
  static constexpr uint32_t kLimit = 0x10001;  // the stack was not kept: a Profile has room for so many only
};

using FrameId = uint32_t;  // index into Profile's frames
using TraceId = uint32_t;  // index into Profile's traces

// A stack, leaf first: kernel frames, then user frames, then a marker when the outermost frame was not reached.
struct Trace {
  std::vector<FrameId> frames;
  uint16_t end = 0;  // why the user walk ended: number in bpf/counters.def
};

// Who was sampled. Everything that OpenTelemetry calls a resource.
struct Resource {
  uint32_t pid = 0;
  uint64_t start_time_ns = 0;
  std::string process_name;     // comm of the thread group leader, or of the thread when that is unknown
  std::string executable_path;  // as the kernel shows it; empty: unknown
  std::string cgroup;           // raw text of /proc/PID/cgroup; empty: unknown
  std::vector<std::pair<std::string, std::string>> environment;  // the variables that were asked for; raw bytes
  friend bool operator==(const Resource&, const Resource&) = default;
};
using ResourceId = uint32_t;  // index into Profile's resources

// One function at one place, as people read it. Inlined functions of one address come as several, innermost first.
struct Symbol {
  std::string function;  // demangled; empty: unknown
  std::string file;      // source file; empty: unknown
  uint32_t line = 0;     // 0: unknown
  bool inlined = false;
};

}  // namespace splitprof
