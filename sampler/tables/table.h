// SPDX-License-Identifier: Apache-2.0
//
// Table: one executable's unwind rows, checked and written into the maps that BPF reads. Belongs to the sampler's one
// thread; its session ends it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "sampler/tables/arena.h"
#include "sampler/tables/rules.h"
#include "shared/result.h"

namespace splitprof {

// Built by add_rows in ascending order, in force from commit on, gone with the object.
class Table {
 public:
  Table(Arena& arena, Rules& rules, int executables, uint16_t index);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  Result<> begin(std::span<const sp_rule> rules, uint64_t first_page, uint32_t pages);
  Result<> add_rows(uint32_t page, std::span<const uint16_t> counts, std::span<const uint32_t> rows);
  Result<uint32_t> commit();
  uint32_t id() const { return SP_TABLE(index_, generation_); }
  bool committed() const { return committed_; }

 private:
  Arena& arena_;
  Rules& rules_;
  int executables_;
  uint16_t index_;
  uint32_t generation_;
  bool committed_ = false;
  uint64_t first_page_ = 0;
  uint32_t next_page_ = 0;
  std::vector<uint16_t> rule_numbers_;  // by the installer's index
  std::vector<sp_page_entry> pages_;
  std::vector<Block> blocks_;
};

}  // namespace splitprof
