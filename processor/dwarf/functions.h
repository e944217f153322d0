// SPDX-License-Identifier: Apache-2.0
//
// FunctionFinder: which function of a unit holds an address, and what was inlined into it there. One pass over the
// unit's entries, which steps over whatever cannot hold an address that is asked for; a second one over everything for
// addresses that the first did not find. Lives for one unit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "processor/dwarf/unit.h"

namespace splitprof::dwarf {

struct Function {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint64_t entry = 0;       // offset of its entry
  uint32_t parent = kNone;  // the function around it, inlined or not
  bool inlined = false;     // else it is where a chain ends
  bool kept = false;        // an address is in it, or in one inside it
  uint64_t call_file = 0;   // number in the unit's line program; what follows is of `inlined` ones
  uint32_t call_line = 0;
  uint32_t call_column = 0;
};

class FunctionFinder {
 public:
  // `addresses` are ascending; `unit` has its contents. All outlive this object.
  FunctionFinder(const Unit& unit, std::span<const uint64_t> addresses, uint64_t lowest, Work& work);

  // An error: the unit breaks the format or a limit; what was found is then worth nothing.
  Result<> run();

  // The innermost function at addresses[index], or Function::kNone.
  uint32_t innermost(size_t index) const { return innermost_[index]; }
  const Function& function(uint32_t number) const { return functions_[number]; }
  uint64_t entries() const { return entries_; }

 private:
  struct Level {        // an entry whose children are being read
    uint32_t function;  // the innermost one around them
    bool own;           // which is this entry itself
  };

  Result<> pass(bool everything);
  Result<> enter(Bytes& in, uint64_t offset, const Abbrev& abbrev, bool everything);
  Result<> step_over_children(Bytes& in, Value sibling);
  Result<> mark(uint64_t low, uint64_t high, uint32_t function);
  void leave(uint32_t function);

  const Unit& unit_;
  std::span<const uint64_t> addresses_;
  uint64_t lowest_;
  Work& work_;
  std::vector<uint32_t> innermost_;  // of each address
  std::vector<Function> functions_;
  std::vector<Level> levels_;
  bool stepped_over_ = false;
  uint64_t entries_ = 0;
};

}  // namespace splitprof::dwarf
