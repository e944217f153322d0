// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "sampler/limits.h"
#include "shared/check.h"
#include "shared/log.h"

namespace splitprof {
namespace {

uint64_t value_of(const sp_rule& rule) {
  uint64_t value;
  static_assert(sizeof value == sizeof rule);
  std::memcpy(&value, &rule, sizeof value);
  return value;
}

}  // namespace

// ---- Rules -----------------------------------------------------------------------------------------------------

Rules::Rules(int map) : map_(map) {
  sp_rule none{}, ask{};
  ask.cfa = SP_CFA_ASK;
  CHECK(acquire(none) == SP_RULE_NONE);
  CHECK(acquire(ask) == SP_RULE_ASK);
}

std::optional<uint16_t> Rules::acquire(const sp_rule& rule) {
  const uint64_t value = value_of(rule);
  if (auto known = by_value_.find(value); known != by_value_.end()) {
    ++known->second.references;
    return known->second.number;
  }
  uint16_t number = 0;
  if (!free_.empty()) {
    number = free_.back();
  } else if (values_.size() < SP_MAX_RULES) {
    number = static_cast<uint16_t>(values_.size());
  } else {
    return std::nullopt;
  }
  const uint32_t key = number;
  if (bpf_map_update_elem(map_, &key, &rule, BPF_ANY) < 0) return std::nullopt;
  if (!free_.empty())
    free_.pop_back();
  else
    values_.push_back(0);
  values_[number] = value;
  by_value_.emplace(value, Entry{number, 1});
  return number;
}

void Rules::release(uint16_t number) {
  auto known = by_value_.find(values_.at(number));
  CHECK(known != by_value_.end() && known->second.number == number);
  if (--known->second.references) return;
  by_value_.erase(known);
  free_.push_back(number);
}

bool Rules::valid(const sp_rule& rule) {
  const auto cfa = SP_RULE_CFA(&rule);
  if (cfa > SP_CFA_FP_SWITCH || (rule.saved >> 4) != 0 || SP_RULE_FP(&rule) > SP_FP_FP_OFFSET) return false;
  const bool uses_high_bits = cfa == SP_CFA_REGISTER || cfa == SP_CFA_DEREF_SP || cfa == SP_CFA_DEREF_FP;
  return uses_high_bits || SP_RULE_REGISTER(&rule) == 0;
}

// ---- Table -----------------------------------------------------------------------------------------------------

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

// ---- Mapping lists -----------------------------------------------------------------------------------------------

struct MappingLists::List {
  List(Arena& owner, Block place) : arena(owner), block(place) {}
  ~List() { arena.free(block); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  Arena& arena;
  Block block;
};

MappingLists::~MappingLists() {
  for (const auto& [tgid, list] : by_process_) bpf_map_delete_elem(procs_, &tgid);
}

Result<> MappingLists::set(uint32_t tgid, std::span<const sp_mapping> mappings) {
  CHECK(mappings.size() <= SP_MAX_MAPPINGS);
  sp_proc entry{};
  if (bpf_map_lookup_elem(procs_, &tgid, &entry) == 0 && (entry.flags & SP_PROC_DENIED))
    return fail(Errc::denied, "the deny-list forbids to look at process {}", tgid);

  static_assert(sizeof(sp_mapping) == 6 * sizeof(uint32_t));
  std::vector<uint32_t> words(SP_LIST_HEADER_WORDS + mappings.size() * 6);
  const uint32_t generation = words[0] = arena_.next_generation();
  if (!mappings.empty()) std::memcpy(&words[SP_LIST_HEADER_WORDS], mappings.data(), mappings.size_bytes());
  const auto block = arena_.allocate(static_cast<uint32_t>(words.size()));
  if (!block) return fail(Errc::too_large, "the table arena is full");
  auto list = std::make_shared<List>(arena_, *block);
  arena_.write(*block, words);
  if (!arena_.flush()) return fail(Errc::io, "the kernel has no memory for a mapping list");

  entry.list = block->ref;
  entry.n_mappings = static_cast<uint32_t>(mappings.size());
  entry.generation = generation;
  if (bpf_map_update_elem(procs_, &tgid, &entry, BPF_ANY) < 0)
    return fail(Errc::io, "cannot set the mappings of process {}: {}", tgid, strerror(errno));
  by_process_[tgid] = std::move(list);  // the one before goes when its last process does
  return Ok{};
}

void MappingLists::forked(uint32_t parent_tgid, uint32_t tgid) {
  const auto parent = by_process_.find(parent_tgid);
  if (parent != by_process_.end() && parent_tgid != tgid) by_process_.emplace(tgid, parent->second);
}

void MappingLists::sweep() {
  sp_proc entry;
  std::erase_if(by_process_, [&](const auto& user) {
    return bpf_map_lookup_elem(procs_, &user.first, &entry) < 0 || entry.list == 0;
  });
}

}  // namespace splitprof
