// SPDX-License-Identifier: Apache-2.0
//
// RowSource: the contract of whatever knows unwind rows of an executable: .eh_frame, .debug_frame, Go's own table.
// First it lists its functions, then it is asked for the rows of one after another, in the order of addresses, so that
// only the index of functions and the finished table are ever held in memory. A worker's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

// From `offset` on, counted from the function's start, a rule holds (rule_word in rule.h).
struct RuleRow {
  uint32_t offset;
  uint64_t rule;
};

struct FunctionRows {
  ElfAddress start;
  uint64_t size = 0;          // bytes of code, as it was listed
  std::vector<RuleRow> rows;  // strictly ascending, the first at 0; inside the function
};

// The functions of one source, 8 bytes each.
class FunctionIndex {
 public:
  static constexpr size_t kMaxFunctions = 4u << 20;  // libwebkit2gtk-4.1 has 0.18 M in 92 MB

  explicit FunctionIndex(std::span<const Segment> code);

  // Leaves out what does not lie in code: a linker leaves FDEs of dropped functions behind, at address 0 or
  // thereabouts.
  Result<> add(ElfAddress start, uint64_t size, uint32_t number);
  // Ascending by start; by number where that is equal.
  void sort();

  size_t size() const { return keys_.size(); }
  ElfAddress start(size_t index) const { return ElfAddress(base_ + (keys_[index] >> 32)); }
  uint32_t number(size_t index) const { return static_cast<uint32_t>(keys_[index]); }

 private:
  std::vector<Segment> code_;
  uint64_t base_ = UINT64_MAX;
  bool sorted_ = true;
  std::vector<uint64_t> keys_;  // start - base_, then the number
};

class RowSource {
 public:
  virtual ~RowSource() = default;
  // How many records were broken and are left out.
  virtual Result<uint64_t> list(FunctionIndex& functions) = 0;
  // Those of the function that was listed as `number`. An error is about this one only.
  virtual Result<> read_rows(uint32_t number, FunctionRows& rows) = 0;
  // Bytes of which each row takes at least three, or nearly so: what memory is reserved by.
  virtual size_t size_bytes() const = 0;
};

}  // namespace splitprof
