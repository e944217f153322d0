// SPDX-License-Identifier: Apache-2.0
//
// Unwind tables and mapping lists of one session, checked and written into the maps that BPF reads. Equal rules of all
// tables share one entry. Belongs to the sampler's one thread; ends with its session, and everything installed with it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "sampler/arena.h"
#include "shared/result.h"

namespace splitprof {

// The host-wide table of rules: number by value, counted references.
class Rules {
 public:
  explicit Rules(int map);
  // The rule's number; nothing when the table is full.
  std::optional<uint16_t> acquire(const sp_rule& rule);
  void release(uint16_t number);
  // What BPF can make sense of: kinds that exist, spare bits zero.
  static bool valid(const sp_rule& rule);

 private:
  struct Entry {
    uint16_t number;
    uint32_t references;
  };
  int map_;
  std::unordered_map<uint64_t, Entry> by_value_;
  std::vector<uint64_t> values_;  // by number
  std::vector<uint16_t> free_;
};

// One executable's rows. Built by add_rows in ascending order, in force from commit on, gone with the object.
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

// Which mapping list each process uses. A list is shared by forked children until one of them gets its own.
class MappingLists {
 public:
  MappingLists(Arena& arena, int procs) : arena_(arena), procs_(procs) {}
  ~MappingLists();
  MappingLists(const MappingLists&) = delete;
  MappingLists& operator=(const MappingLists&) = delete;

  // `mappings` are checked already: sorted, not overlapping, at most SP_MAX_MAPPINGS.
  Result<> set(uint32_t tgid, std::span<const sp_mapping> mappings);
  // BPF has copied the parent's entry: its list now has one more user.
  void forked(uint32_t parent_tgid, uint32_t tgid);
  // Forgets the processes whose entries BPF has deleted (exec, exit). Called every few seconds.
  void sweep();

 private:
  struct List;
  Arena& arena_;
  int procs_;
  std::unordered_map<uint32_t, std::shared_ptr<List>> by_process_;  // shared: by forked processes
};

}  // namespace splitprof
