// SPDX-License-Identifier: Apache-2.0
//
// Packs rows into the table that the kernel walks by (bpf/abi.h): pages of 64 KiB, 4 bytes a row, and the distinct
// rules of this executable. What no rule can say becomes SP_RULE_ASK, what lies outside every FDE SP_RULE_NONE. A
// worker's: a file in, a table out; bounded in memory and time whatever the file holds.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "processor/elf/file.h"
#include "processor/ingest/input.h"
#include "processor/unwind/cfi.h"
#include "shared/result.h"

namespace splitprof {

struct CompiledTable {
  InstallTable table;  // rules[0] is SP_CFA_NONE and rules[1] SP_CFA_ASK, as in the kernel's own list
  uint64_t fdes = 0;
  uint64_t rows = 0;         // as the FDEs have them
  uint64_t merged_rows = 0;  // in the table: neighbours with equal rules are one, each page begins with one
  uint64_t ask_rows = 0;     // of the merged ones
  uint64_t broken = 0;       // records of .eh_frame that were skipped
};

// The rule that says what the row says; one with SP_CFA_ASK when none does.
sp_rule to_rule(const Row& row, Machine machine);
uint64_t rule_word(const sp_rule& rule);  // its bytes as a little-endian number: how InstallTable holds it

class TableBuilder {
 public:
  static constexpr size_t kMaxRows = 16u << 20;  // libLLVM-14 has 0.85 M in 110 MB
  static constexpr size_t kMaxFdes = 4u << 20;

  explicit TableBuilder(Machine machine);

  // A function [start, start + size) and its rows, of which the first begins at `start`. In any order; where two
  // functions overlap the one that begins later holds from its beginning on.
  Result<> add(ElfAddress start, uint64_t size, std::span<const Row> rows);
  Result<CompiledTable> finish();

 private:
  struct PackedRow {
    uint32_t offset;  // from the function's start
    uint16_t rule;    // index into words_
  };
  struct Function {
    uint64_t start;
    uint64_t end;
    uint32_t first_row;
    uint32_t n_rows;
  };
  struct KnownRule {
    uint64_t word = 0;  // 0 is SP_CFA_NONE, whose number is 0
    uint16_t number = 0;
  };
  static constexpr int kKnownRulesBits = 10;
  static constexpr size_t kKnownRules = 1 << kKnownRulesBits;

  uint16_t rule_number(const Row& row);
  std::vector<uint16_t> choose_rules(std::vector<uint64_t>& chosen) const;

  Machine machine_;
  std::vector<Function> functions_;
  bool sorted_ = true;
  std::vector<PackedRow> rows_;
  std::vector<uint64_t> words_;  // distinct rules, in the order in which they were met
  std::vector<uint64_t> uses_;   // rows of each
  std::unordered_map<uint64_t, uint16_t> numbers_;
  std::vector<KnownRule> known_;
};

// The whole way: .eh_frame of `file` to a table. not_found: it has none.
Result<CompiledTable> compile_table(const ElfFile& file);

}  // namespace splitprof
