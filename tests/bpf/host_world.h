// SPDX-License-Identifier: Apache-2.0
//
// What bpf/env.bpf.h asks for, over memory of this process: chunks, executables and rules as the sampler would write
// them, user memory, and a clock that the test sets. One world at a time, the one made last.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/walk.h"
#include "processor/ingest/input.h"

namespace splitprof {

class HostWorld {
 public:
  HostWorld();
  ~HostWorld();

  // Writes the table as the sampler does; returns what a mapping's `table` refers to it by.
  uint32_t install(const InstallTable& table);
  // Writes a mapping list and points `walk` to it.
  void set_mappings(sp_walk& walk, std::span<const sp_mapping> mappings);
  // The mappings of this very process, each with the table of its file. vDSO and anonymous ones have none.
  std::vector<sp_mapping> own_mappings();

  // Readable user memory; outside of it reads fail.
  struct Memory {
    uint64_t start;
    std::span<const std::byte> bytes;
  };
  std::vector<Memory> memory;
  bool all_memory = false;  // every address of this process
  uint64_t now_ns = 0, ns_per_look = 0;
  std::vector<std::unique_ptr<sp_chunk>> chunks;
  std::vector<sp_executable> executables;
  std::vector<sp_rule> rules;

 private:
  uint32_t write(std::span<const uint32_t> words);
  uint32_t used_ = 1;  // words of the last chunk
  uint32_t generation_ = 0;
};

}  // namespace splitprof
