// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/host_tables.h"

#include <bit>

#include "shared/check.h"

namespace splitprof {

HostTables::HostTables(size_t max_chunks) : max_chunks_(max_chunks) {
  CHECK(max_chunks >= 2 && max_chunks < SP_ARENA_SLOTS);
  chunks_.emplace_back().words = std::make_unique<sp_chunk>();
  forget_everything();
}

bool HostTables::add(uint32_t executable, const InstallTable& table) {
  const size_t index_words = SP_PAGE_INDEX_HEADER_WORDS + 2 * table.counts.size();
  const size_t all_words = table.rows.size() + table.counts.size() + index_words;
  if (all_words > max_chunks_ * SP_CHUNK_WORDS / 3 || index_words > SP_CHUNK_WORDS) return false;
  forget(executable);
  if (free_indexes_.empty() && executables_.size() == SP_MAX_EXECUTABLES) forget_everything();
  std::vector<uint16_t> numbers;
  if (!number_rules(table.rules, numbers)) return false;

  const uint32_t generation = next_generation();
  const uint32_t index = take_index(executable);
  executables_[index].generation = generation;
  const Owner owner{executable, generation};
  std::vector<sp_page_entry> pages;
  pages.reserve(table.counts.size());
  size_t at = 0;
  for (const uint16_t count : table.counts) {
    if (count == 0) {
      pages.push_back({.rows = 0, .n_rows = 0});
      continue;
    }
    uint32_t ref = 0;
    auto block = allocate(1 + size_t{count}, owner, ref);
    block[0] = generation;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t row = table.rows[at + i];
      const uint32_t rule = SP_ROW_RULE(row);
      block[1 + i] = SP_ROW(SP_ROW_OFFSET(row), rule < numbers.size() ? numbers[rule] : SP_RULE_ASK);
    }
    at += count;
    pages.push_back({.rows = ref, .n_rows = count});
  }
  uint32_t ref = 0;
  auto block = allocate(index_words, owner, ref);
  block[0] = generation;
  block[1] = 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    block[SP_PAGE_INDEX_HEADER_WORDS + 2 * i] = pages[i].rows;
    block[SP_PAGE_INDEX_HEADER_WORDS + 2 * i + 1] = pages[i].n_rows;
  }
  executables_[index] = {.generation = generation,
                         .pages = ref,
                         .n_pages = static_cast<uint32_t>(pages.size()),
                         .pad = 0,
                         .first_page = table.first_page};
  return true;
}

uint32_t HostTables::find(uint32_t executable) const {
  const auto found = indexes_.find(executable);
  if (found == indexes_.end()) return 0;
  return SP_TABLE(found->second, executables_[found->second].generation);
}

sp_chunk* HostTables::chunk(uint32_t slot) const {
  return slot == 0 || slot > chunks_.size() ? nullptr : chunks_[slot - 1].words.get();
}

sp_executable* HostTables::executable(uint32_t index) {
  return index < executables_.size() ? &executables_[index] : nullptr;
}

sp_rule* HostTables::rule(uint32_t number) {
  return number < rules_.size() ? &rules_[number] : nullptr;
}

size_t HostTables::memory_bytes() const {
  return chunks_.size() * sizeof(sp_chunk) + executables_.capacity() * sizeof(sp_executable) +
         rules_.capacity() * sizeof(sp_rule);
}

// The two values of the low bits that would make a reference look like "no table" or SP_TABLE_PENDING are left out.
uint32_t HostTables::next_generation() {
  do {
    ++generation_;
  } while ((generation_ & SP_TABLE_GENERATION_MASK) == 0 ||
           (generation_ & SP_TABLE_GENERATION_MASK) == SP_TABLE_GENERATION_MASK);
  return generation_;
}

uint32_t HostTables::take_index(uint32_t executable) {
  if (free_indexes_.empty()) {
    free_indexes_.push_back(static_cast<uint32_t>(executables_.size()));
    executables_.emplace_back();
  }
  const uint32_t index = free_indexes_.back();
  free_indexes_.pop_back();
  indexes_.emplace(executable, index);
  return index;
}

std::span<uint32_t> HostTables::allocate(size_t n_words, const Owner& owner, uint32_t& ref) {
  CHECK(n_words <= SP_CHUNK_WORDS);
  if (used_ + n_words > SP_CHUNK_WORDS) next_chunk();
  auto& chunk = chunks_[current_];
  if (chunk.owners.empty() || chunk.owners.back().generation != owner.generation) chunk.owners.push_back(owner);
  ref = SP_REF(current_ + 1, used_);
  const std::span block(&chunk.words->words[used_], n_words);
  used_ += n_words;
  return block;
}

// A table is at most a third of all memory, and blocks leave at most half of a chunk unused: a table that is being
// added never comes round to its own beginning.
void HostTables::next_chunk() {
  current_ = (current_ + 1) % max_chunks_;
  used_ = 0;
  if (current_ == chunks_.size()) {
    chunks_.emplace_back().words = std::make_unique<sp_chunk>();
    return;
  }
  for (const Owner& owner : chunks_[current_].owners) {
    const auto found = indexes_.find(owner.executable);  // it may have been added again meanwhile, elsewhere
    if (found != indexes_.end() && executables_[found->second].generation == owner.generation) forget(owner.executable);
  }
  chunks_[current_].owners.clear();
}

void HostTables::forget(uint32_t executable) {
  const auto found = indexes_.find(executable);
  if (found == indexes_.end()) return;
  executables_[found->second] = {};
  free_indexes_.push_back(found->second);
  indexes_.erase(found);
}

void HostTables::forget_everything() {
  indexes_.clear();
  free_indexes_.clear();
  executables_.assign(1, {});  // number 0 stands for "no table"
  for (auto& chunk : chunks_) chunk.owners.clear();
  rules_.assign({sp_rule{.cfa = SP_CFA_NONE}, sp_rule{.cfa = SP_CFA_ASK}});
  rule_numbers_ = {{std::bit_cast<uint64_t>(rules_[SP_RULE_NONE]), SP_RULE_NONE},
                   {std::bit_cast<uint64_t>(rules_[SP_RULE_ASK]), SP_RULE_ASK}};
}

// The numbers here of a table's own rules. Rules are never counted: when there are too many, everything starts anew.
bool HostTables::number_rules(std::span<const uint64_t> words, std::vector<uint16_t>& numbers) {
  if (words.size() > SP_MAX_RULES_PER_EXECUTABLE) return false;
  if (rules_.size() + words.size() > SP_MAX_RULES) forget_everything();
  numbers.reserve(words.size());
  for (const uint64_t word : words) {
    const auto [known, added] = rule_numbers_.try_emplace(word, static_cast<uint16_t>(rules_.size()));
    if (added) rules_.push_back(std::bit_cast<sp_rule>(word));
    numbers.push_back(known->second);
  }
  return true;
}

}  // namespace splitprof
