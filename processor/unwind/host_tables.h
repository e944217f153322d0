// SPDX-License-Identifier: Apache-2.0
//
// HostTables: unwind tables in the processor's own memory, laid out as in the kernel's arena (bpf/abi.h), so that the
// same unwinder walks stack copies. A log that goes round: when its chunks are used up, the oldest is written anew and
// the tables that it held a part of are forgotten. Small tables lie close together. Main thread; compiles nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "processor/ingest/input.h"

namespace splitprof {

class HostTables {
 public:
  static constexpr size_t kMaxChunks = 96;  // 24 MiB; librustc_driver, the largest known table, takes a third of it

  explicit HostTables(size_t max_chunks = kMaxChunks);
  HostTables(const HostTables&) = delete;
  HostTables& operator=(const HostTables&) = delete;

  // Remembers the table of executable number `executable`. False: it would take more than a third of all memory.
  bool add(uint32_t executable, const InstallTable& table);
  // What a mapping's `table` refers to it by; 0: unknown or forgotten.
  uint32_t find(uint32_t executable) const;

  // As HostEnvironment has them. Slot 0 is not ours: it is left to the walk's mapping list.
  sp_chunk* chunk(uint32_t slot) const;
  sp_executable* executable(uint32_t index);
  sp_rule* rule(uint32_t number);

  size_t tables() const { return indexes_.size(); }
  size_t memory_bytes() const;

 private:
  struct Owner {
    uint32_t executable, generation;
  };
  struct Chunk {
    std::unique_ptr<sp_chunk> words;
    std::vector<Owner> owners;  // whose blocks lie here
  };

  uint32_t next_generation();
  uint32_t take_index(uint32_t executable);
  // Words for a block: the whole of it, in one chunk. Its reference is written to `ref`.
  std::span<uint32_t> allocate(size_t n_words, const Owner& owner, uint32_t& ref);
  void next_chunk();
  void forget(uint32_t executable);
  void forget_everything();
  bool number_rules(std::span<const uint64_t> words, std::vector<uint16_t>& numbers);

  const size_t max_chunks_;
  std::vector<Chunk> chunks_;
  size_t current_ = 0;  // the chunk that is being filled
  size_t used_ = 0;     // words of it
  uint32_t generation_ = 0;
  std::vector<sp_executable> executables_;
  std::vector<uint32_t> free_indexes_;
  std::unordered_map<uint32_t, uint32_t> indexes_;  // into executables_, by the executable's number
  std::vector<sp_rule> rules_;
  std::unordered_map<uint64_t, uint16_t> rule_numbers_;
};

}  // namespace splitprof
