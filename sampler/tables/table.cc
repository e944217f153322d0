// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/table.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "sampler/limits.h"
#include "shared/log.h"

namespace splitprof {

Table::Table(Arena& arena, Rules& rules, int executables, uint16_t index)
    : arena_(arena), rules_(rules), executables_(executables), index_(index), generation_(arena.next_generation()) {}

Table::~Table() {
  if (committed_) {
    const uint32_t key = index_;
    const sp_executable none{};
    if (bpf_map_update_elem(executables_, &key, &none, BPF_ANY) < 0)
      log::error("cannot remove an unwind table: {}", strerror(errno));
  }
  for (const Block& block : blocks_) arena_.free(block);
  for (uint16_t number : rule_numbers_) rules_.release(number);
}

Result<> Table::begin(std::span<const sp_rule> rules, uint64_t first_page, uint32_t pages) {
  if (rules.size() > SP_MAX_RULES_PER_EXECUTABLE || pages > SP_MAX_PAGES)
    return fail(Errc::malformed, "a table of {} rules and {} pages", rules.size(), pages);
  first_page_ = first_page;
  pages_.resize(pages);
  rule_numbers_.reserve(rules.size());
  for (const sp_rule& rule : rules) {
    if (!Rules::valid(rule)) return fail(Errc::malformed, "an unwind rule that does not exist");
    const auto number = rules_.acquire(rule);
    if (!number) return fail(Errc::too_large, "the table of unwind rules is full");
    rule_numbers_.push_back(*number);
  }
  return Ok{};
}

Result<> Table::add_rows(uint32_t page, std::span<const uint16_t> counts, std::span<const uint32_t> rows) {
  if (committed_ || page < next_page_ || page > pages_.size() || counts.size() > pages_.size() - page)
    return fail(Errc::malformed, "rows for pages {}.. of {}, after page {}", page, pages_.size(), next_page_);
  if (rows.size() > kMaxRowsPerCall) return fail(Errc::malformed, "{} rows in one call", rows.size());
  std::vector<uint32_t> words;
  for (uint16_t count : counts) {
    if (count > rows.size() || count > SP_MAX_ROWS_PER_PAGE) return fail(Errc::malformed, "{} rows in a page", count);
    if (count) {
      words.assign(1, generation_);
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t offset = SP_ROW_OFFSET(rows[i]), rule = SP_ROW_RULE(rows[i]);
        const bool ascends = i == 0 ? offset == 0 : offset > SP_ROW_OFFSET(rows[i - 1]);
        if (!ascends || rule >= rule_numbers_.size()) return fail(Errc::malformed, "row {} of page {}", i, page);
        words.push_back(SP_ROW(offset, rule_numbers_[rule]));
      }
      const auto block = arena_.allocate(static_cast<uint32_t>(words.size()), kArenaReserveSlots);
      if (!block) return fail(Errc::too_large, "the table arena is full");
      blocks_.push_back(*block);
      arena_.write(*block, words);
      pages_[page] = {block->ref, count};
    }
    rows = rows.subspan(count);
    ++page;
  }
  if (!rows.empty()) return fail(Errc::malformed, "{} rows belong to no page", rows.size());
  next_page_ = page;
  return Ok{};
}

Result<uint32_t> Table::commit() {
  if (committed_) return fail(Errc::malformed, "a table was committed twice");
  if (!pages_.empty()) {
    std::vector<uint32_t> words{generation_, 0};
    for (const sp_page_entry& entry : pages_) {
      words.push_back(entry.rows);
      words.push_back(entry.n_rows);
    }
    const auto block = arena_.allocate(static_cast<uint32_t>(words.size()), kArenaReserveSlots);
    if (!block) return fail(Errc::too_large, "the table arena is full");
    blocks_.push_back(*block);
    arena_.write(*block, words);
    if (!arena_.flush()) return fail(Errc::io, "the kernel has no memory for tables");
    const uint32_t key = index_;
    const sp_executable entry{.generation = generation_,
                              .pages = block->ref,
                              .n_pages = static_cast<uint32_t>(pages_.size()),
                              .pad = 0,
                              .first_page = first_page_};
    if (bpf_map_update_elem(executables_, &key, &entry, BPF_ANY) < 0)
      return fail(Errc::io, "cannot install an unwind table: {}", strerror(errno));
  }
  committed_ = true;
  pages_ = {};
  return id();
}

}  // namespace splitprof
