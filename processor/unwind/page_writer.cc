// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/page_writer.h"

#include <algorithm>

namespace splitprof {

bool PageWriter::go_to(uint64_t page) {
  if (!open_) {
    table_.first_page = page;
    open_page(page);
  }
  const uint64_t last = table_.first_page + SP_MAX_PAGES - 1;
  while (page_ < std::min(page, last)) {
    close_page();
    open_page(page_ + 1);
  }
  return page <= last;
}

void PageWriter::open_page(uint64_t page) {
  open_ = true;
  page_ = page;
  begin_ = table_.rows.size();
  table_.rows.push_back(SP_ROW(0, rule_));
}

void PageWriter::close_page() {
  size_t count = table_.rows.size() - begin_;
  if (count > SP_MAX_ROWS_PER_PAGE) {
    table_.rows.resize(begin_ + 1);
    table_.rows[begin_] = SP_ROW(0, SP_RULE_ASK);
    count = 1;
  } else if (count == 1 && SP_ROW_RULE(table_.rows[begin_]) == SP_RULE_NONE) {
    table_.rows.resize(begin_);
    count = 0;
  }
  table_.counts.push_back(static_cast<uint16_t>(count));
}

bool PageWriter::finish() {
  if (open_) close_page();
  while (!table_.counts.empty() && table_.counts.back() == 0) table_.counts.pop_back();
  return !too_wide_;
}

void PageWriter::renumber(InstallTable& table, const std::vector<uint16_t>& numbers) {
  size_t read = 0, write = 0;
  for (uint16_t& count : table.counts) {
    const size_t begin = write, end = read + count;
    for (; read < end; ++read) {
      const uint32_t rule = numbers[SP_ROW_RULE(table.rows[read])];
      if (write == begin || SP_ROW_RULE(table.rows[write - 1]) != rule)
        table.rows[write++] = SP_ROW(SP_ROW_OFFSET(table.rows[read]), rule);
    }
    count = static_cast<uint16_t>(write - begin);
  }
  table.rows.resize(write);
}

}  // namespace splitprof
