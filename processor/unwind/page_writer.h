// SPDX-License-Identifier: Apache-2.0
//
// PageWriter: writes rows into the pages of an InstallTable, in ascending order of addresses. Neighbours with equal
// rules become one, each page begins with what holds at its start, a page where nothing holds has no rows, and one with
// more rows than the kernel's search can take asks.
#pragma once

#include <cstdint>

#include "bpf/abi.h"
#include "processor/ingest/input.h"

namespace splitprof {

class PageWriter {
 public:
  explicit PageWriter(InstallTable& table) : table_(table) {}

  // `rule` holds from `address` on; addresses do not descend.
  void set(uint64_t address, uint32_t rule) {
    if (rule == rule_) return;
    const uint64_t page = address >> SP_ROW_PAGE_SHIFT;
    if ((page != page_ || !open_) && !go_to(page)) [[unlikely]] {
      // A function may end where the last page does.
      if (rule != SP_RULE_NONE || SP_ROW_OFFSET(address) != 0) too_wide_ = true;
      rule_ = rule;
      return;
    }
    const uint32_t offset = SP_ROW_OFFSET(static_cast<uint32_t>(address));
    std::vector<uint32_t>& rows = table_.rows;
    if (SP_ROW_OFFSET(rows.back()) != offset) {
      rows.push_back(SP_ROW(offset, rule));
    } else if (rows.size() - begin_ > 1 && SP_ROW_RULE(rows[rows.size() - 2]) == rule) {
      rows.pop_back();  // what was said of this very address is taken back
    } else {
      rows.back() = SP_ROW(offset, rule);  // takes the place of it, or of what was carried in
    }
    rule_ = rule;
  }

  // False: the rows are spread over more pages than a table has, and it is useless.
  bool finish();
  // Gives rules other numbers; those that become equal to their neighbours are merged. After finish().
  static void renumber(InstallTable& table, const std::vector<uint16_t>& numbers);

 private:
  bool go_to(uint64_t page);  // false: past the last one that a table can have
  void open_page(uint64_t page);
  void close_page();

  InstallTable& table_;
  bool open_ = false;  // a page is
  bool too_wide_ = false;
  uint64_t page_ = 0;
  size_t begin_ = 0;  // of the page's rows
  uint32_t rule_ = SP_RULE_NONE;
};

}  // namespace splitprof
