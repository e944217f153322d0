// SPDX-License-Identifier: Apache-2.0
//
// FrameMaker: makes the frames of an address out of what was found in its unit: functions by their entries, lines by
// rows, files by numbers. Lives for one unit.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "processor/dwarf/debug_info.h"
#include "processor/dwarf/functions.h"
#include "processor/dwarf/line_program.h"
#include "processor/dwarf/names.h"

namespace splitprof::dwarf {

class FrameMaker {
 public:
  // `unit` is the one that `functions` were found in; `lines` may be null. All outlive this object.
  FrameMaker(const Unit& unit, const FunctionFinder& functions, const LineProgram* lines, Names& names)
      : unit_(unit), functions_(functions), lines_(lines), names_(names) {}

  // Innermost first; empty: nothing is known. `innermost` is a function's number or Function::kNone. Valid until the
  // next call.
  std::span<const SourceFrame> make(uint32_t innermost, const FoundLine& line);
  uint64_t chains_cut() const { return chains_cut_; }

 private:
  std::string_view path(uint64_t file);

  const Unit& unit_;
  const FunctionFinder& functions_;
  const LineProgram* lines_;
  Names& names_;
  std::unordered_map<uint64_t, std::string> paths_;  // by number of the file
  size_t path_bytes_ = 0;
  std::vector<SourceFrame> frames_;
  uint64_t chains_cut_ = 0;
};

}  // namespace splitprof::dwarf
