// SPDX-License-Identifier: Apache-2.0
//
// DebugInfo: source lines and inlined functions of addresses in one file, from its DWARF 2 to 5. The cost follows the
// addresses that are asked for, not the file: units that hold none of them are never read. For one worker's job: it
// reads the file (through ElfFile), may block, and keeps only an index of units. Bounded in time and memory, whatever
// the file says (limits.h); a broken unit costs its own addresses. Does not demangle, and does not look for files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

// One function that was running, or was inlined into the next one.
struct SourceFrame {
  std::string_view function;  // linkage name, or else its plain one, as the file has it; empty: unknown
  std::string_view file;      // compilation directory, directory and name joined, nothing resolved; empty: unknown
  uint32_t line = 0;          // 0: unknown. Of a caller: the line of the call
  uint32_t column = 0;        // likewise
  bool inlined = false;       // into the next frame
};

// Where the files are that a compiler put most of a unit's DWARF into (-gsplit-dwarf).
class SplitFiles {
 public:
  virtual ~SplitFiles() = default;
  // The .dwo file that was written to `path`; null when it is not to be had. What is returned lives as long as the
  // DebugInfo.
  virtual const ElfFile* find(std::string_view path) = 0;
};

// What a DebugInfo did and what it had to leave out.
struct DebugInfoCounts {
  uint64_t units = 0;          // of the file
  uint64_t units_read = 0;     // because an address that was asked for lies in them
  uint64_t units_broken = 0;   // left out: they break the format or one of our limits; `problem` is the first one's
  uint64_t dies = 0;           // entries looked at
  uint64_t line_rows = 0;      // run through
  uint64_t bytes_read = 0;     // of sections
  uint64_t chains_cut = 0;     // more inlined functions in each other than we follow
  uint64_t split_missing = 0;  // .dwo files that were not to be had, so that only lines are known
  std::string problem;         // a sentence; empty: none
};

class DebugInfo {
 public:
  // `alternate`: the file that .gnu_debugaltlink names, null if there is none or it cannot be had. All outlive this
  // object. not_found: the file has no DWARF.
  static Result<DebugInfo> open(const ElfFile& file, const ElfFile* alternate = nullptr, SplitFiles* split = nullptr);
  DebugInfo(DebugInfo&&) noexcept;
  DebugInfo& operator=(DebugInfo&&) noexcept;
  ~DebugInfo();

  // Innermost frame first, never empty; the views are valid during the call only.
  using Found = std::function<void(ElfAddress, std::span<const SourceFrame>)>;
  // `addresses`: ascending, each once; of a return address the caller subtracts one. Calls `found` at most once for
  // each, in no order that matters; not at all where nothing is known. The outermost function's linkage name may be
  // that of another clone or alias: where there is a symbol, that one names it better. An error ends the job: what was
  // found until then stays good.
  Result<> locate(std::span<const ElfAddress> addresses, const Found& found);

  const DebugInfoCounts& counts() const;

 private:
  struct State;
  explicit DebugInfo(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
