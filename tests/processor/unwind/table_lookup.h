// SPDX-License-Identifier: Apache-2.0
//
// Looks a rule up in a packed table as bpf/native.bpf.c does: page, then SP_ROW_SEARCH_STEPS halvings.
#pragma once

#include <vector>

#include "processor/unwind/table.h"

namespace splitprof::testing {

class TableLookup {
 public:
  explicit TableLookup(const InstallTable& table) : table_(table) {
    size_t begin = 0;
    for (const uint16_t count : table.counts) {
      begins_.push_back(begin);
      begin += count;
    }
  }

  // A struct sp_rule as a word; that of SP_CFA_NONE where the table says nothing.
  uint64_t find(uint64_t address) const {
    const uint64_t page = (address >> SP_ROW_PAGE_SHIFT) - table_.first_page;
    if (page >= begins_.size() || table_.counts[page] == 0) return rule_word({.cfa = SP_CFA_NONE});
    const uint32_t offset = address & 0xffff;
    const uint32_t* row = table_.rows.data() + begins_[page];
    uint32_t left = table_.counts[page];
    for (int step = 0; step < SP_ROW_SEARCH_STEPS; ++step) {
      const uint32_t half = left / 2;
      if (SP_ROW_OFFSET(row[half]) <= offset) row += half;
      left -= half;
    }
    return table_.rules[SP_ROW_RULE(*row)];
  }

 private:
  const InstallTable& table_;
  std::vector<size_t> begins_;  // of each page's rows
};

// What the sampler demands of a table before it installs it; the first thing that is wrong.
inline std::string broken_promise(const InstallTable& table) {
  if (table.rules.size() < 2 || table.rules.size() > SP_MAX_RULES_PER_EXECUTABLE) return "number of rules";
  if (table.counts.empty() || table.counts.size() > SP_MAX_PAGES) return "number of pages";
  size_t at = 0;
  for (const uint16_t count : table.counts) {
    if (count > SP_MAX_ROWS_PER_PAGE || at + count > table.rows.size()) return "rows of a page";
    for (uint16_t i = 0; i < count; ++i) {
      const uint32_t row = table.rows[at + i];
      if (i == 0 && SP_ROW_OFFSET(row) != 0) return "a page does not begin at offset 0";
      if (i > 0 && SP_ROW_OFFSET(row) <= SP_ROW_OFFSET(table.rows[at + i - 1])) return "rows do not ascend";
      if (i > 0 && SP_ROW_RULE(row) == SP_ROW_RULE(table.rows[at + i - 1])) return "equal neighbours";
      if (SP_ROW_RULE(row) >= table.rules.size()) return "a rule that is not there";
    }
    at += count;
  }
  return at == table.rows.size() ? "" : "rows that belong to no page";
}

}  // namespace splitprof::testing
