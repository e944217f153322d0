// SPDX-License-Identifier: Apache-2.0
//
// GoLines: functions, lines and inlined calls of a Go program, from the table that its own tracebacks use
// (processor/elf/gopclntab.h): it survives `-ldflags="-s -w"` and strip. Inlined calls from Go 1.18 on. Read whole by a
// worker's job and dropped with it. Go's names are left as they are.
#pragma once

#include <memory>
#include <vector>

#include "processor/elf/gopclntab.h"

namespace splitprof {

struct GoFrame {
  std::string_view function;
  std::string_view file;  // empty: unknown
  uint32_t line = 0;      // 0: unknown. Of a caller: the line of the call
  bool inlined = false;   // into the next frame
};

class GoLines {
 public:
  // not_found: no Go program. The file outlives this object.
  static Result<GoLines> open(const ElfFile& file);

  // The functions that were running at `address`, innermost first; empty when it is in none. The views live as long as
  // this object.
  Result<std::vector<GoFrame>> locate(ElfAddress address);

 private:
  struct InlinedCall {
    uint32_t name = 0;
    uint32_t parent_pc = 0;  // from the function's start
  };

  GoLines(const ElfFile& file, std::unique_ptr<GoSection> section, GoTable table, ElfAddress go_func)
      : file_(&file), section_(std::move(section)), table_(std::move(table)), go_func_(go_func) {}
  // Of a run table of `function`, for the instruction at `offset` from its start; -1: none.
  Result<int32_t> value_at(uint32_t runs, uint64_t offset);
  Result<std::string_view> file_at(const GoFunction& function, uint64_t offset);
  Result<uint32_t> trailer_word(const GoFunction& function, uint64_t index) const;
  Result<InlinedCall> inlined_call(const GoFunction& function, uint32_t index) const;
  Result<std::string_view> name_at(uint32_t offset) const;

  const ElfFile* file_;
  std::unique_ptr<GoSection> section_;  // stays in place when this object moves
  GoTable table_;
  ElfAddress go_func_;  // that inline trees are counted from; 0: unknown
  uint64_t steps_ = 0;  // of value_at, over all calls
};

}  // namespace splitprof
