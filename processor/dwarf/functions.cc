// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/functions.h"

#include <algorithm>

namespace splitprof::dwarf {
namespace {

// Of an entry that is no function: may there be functions in it, other than in odd cases?
bool may_hold_functions(Tag tag) {
  switch (tag) {
    case Tag::lexical_block:
    case Tag::compile_unit:
    case Tag::module:
    case Tag::catch_block:
    case Tag::try_block:
    case Tag::name_space:
      return true;
    default:
      return false;
  }
}

}  // namespace

FunctionFinder::FunctionFinder(const Unit& unit, std::span<const uint64_t> addresses, uint64_t lowest, Work& work)
    : unit_(unit), addresses_(addresses), lowest_(lowest), work_(work), innermost_(addresses.size(), Function::kNone) {}

Result<> FunctionFinder::run() {
  TRY(pass(false));
  // A function inside another one, or in a class: compilers that say where children end have no reason to put one
  // there, but it is allowed.
  const bool all_found = std::find(innermost_.begin(), innermost_.end(), Function::kNone) == innermost_.end();
  if (stepped_over_ && !all_found) TRY(pass(true));
  return Ok{};
}

Result<> FunctionFinder::pass(bool everything) {
  functions_.clear();
  levels_.clear();
  std::fill(innermost_.begin(), innermost_.end(), Function::kNone);
  Bytes in(unit_.contents);
  TRY(in.skip(unit_.header.root - unit_.header.offset));
  while (!in.at_end()) {
    TRY(work_.step());
    ++entries_;
    const uint64_t offset = unit_.header.offset + in.position();
    const uint64_t code = TRY(in.uleb128());
    if (code == 0) {  // the end of the innermost open entry's children
      if (levels_.empty()) break;
      if (levels_.back().own) leave(levels_.back().function);
      levels_.pop_back();
    } else {
      const Abbrev* abbrev = unit_.abbrevs->find(code);
      if (abbrev == nullptr) return fail(Errc::malformed, "entry {:#x} has unknown code {}", offset, code);
      TRY(enter(in, offset, *abbrev, everything));
    }
    if (levels_.empty()) break;  // that was the end of the unit's first entry
  }
  return Ok{};
}

// Reads one entry, and opens it when it has children that have to be read.
Result<> FunctionFinder::enter(Bytes& in, uint64_t offset, const Abbrev& abbrev, bool everything) {
  Level level{.function = levels_.empty() ? Function::kNone : levels_.back().function, .own = false};
  Value sibling;
  bool look_inside = true;
  if (abbrev.tag == Tag::subprogram || abbrev.tag == Tag::inlined_subroutine) {
    TRY(work_.step(abbrev.attributes));
    const Entry entry = TRY(read_entry(in, unit_.header.offset, *unit_.abbrevs, abbrev, unit_.header.encoding));
    if (functions_.size() == kMaxFunctions) return fail(Errc::too_large, "more than {} functions", kMaxFunctions);
    const auto number = static_cast<uint32_t>(functions_.size());
    functions_.push_back({.entry = offset,
                          .parent = level.function,
                          .inlined = abbrev.tag == Tag::inlined_subroutine,
                          .call_file = entry.call_file.number,
                          .call_line = static_cast<uint32_t>(entry.call_line.number),
                          .call_column = static_cast<uint32_t>(entry.call_column.number)});
    level = {.function = number, .own = true};
    TRY(visit_ranges(unit_, entry.low_pc, entry.high_pc, entry.ranges, work_,
                     [&](uint64_t low, uint64_t high) { return mark(low, high, number); }));
    look_inside = functions_[number].kept;
    sibling = entry.sibling;
  } else if (abbrev.has_sibling && !may_hold_functions(abbrev.tag)) {
    TRY(work_.step(abbrev.attributes));
    sibling = TRY(read_entry(in, unit_.header.offset, *unit_.abbrevs, abbrev, unit_.header.encoding)).sibling;
    look_inside = false;
  } else {
    TRY(unit_.abbrevs->skip(in, abbrev));
  }
  const bool step_over = abbrev.has_children && !look_inside && sibling && !everything;
  if (step_over) TRY(step_over_children(in, sibling));
  if (abbrev.has_children && !step_over) {
    if (levels_.size() == kMaxDepth) return fail(Errc::too_large, "entries nested more than {} deep", kMaxDepth);
    levels_.push_back(level);
  } else if (level.own) {
    leave(level.function);
  }
  return Ok{};
}

Result<> FunctionFinder::step_over_children(Bytes& in, Value sibling) {
  const EntryReference target = TRY(unit_.file->reference(unit_, sibling));
  const uint64_t here = unit_.header.offset + in.position();
  if (target.file != unit_.file || target.offset < here || target.offset > unit_.header.end)
    return fail(Errc::malformed, "the entry at {:#x} has its sibling at {:#x}", here, target.offset);
  stepped_over_ = true;
  return in.skip(target.offset - here);
}

// A later entry is inside an earlier one, or contradicts it.
Result<> FunctionFinder::mark(uint64_t low, uint64_t high, uint32_t function) {
  if (low < lowest_) return Ok{};
  const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), low);
  auto i = static_cast<size_t>(first - addresses_.begin());
  if (i == addresses_.size() || addresses_[i] >= high) return Ok{};
  for (; i < addresses_.size() && addresses_[i] < high; ++i) {
    TRY(work_.step());
    innermost_[i] = function;
  }
  for (uint32_t kept = function; kept != Function::kNone && !functions_[kept].kept; kept = functions_[kept].parent)
    functions_[kept].kept = true;
  return Ok{};
}

// Forgets a function that holds no address: it is the last one, as those inside it are forgotten already.
void FunctionFinder::leave(uint32_t function) {
  if (!functions_[function].kept) functions_.pop_back();
}

}  // namespace splitprof::dwarf
