// SPDX-License-Identifier: Apache-2.0
//
// A HostEnvironment over memory of this process: chunks, executables and rules as the sampler would write them, user
// memory, and a clock that the test sets.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "processor/ingest/input.h"
#include "processor/unwind/host_env.h"

namespace splitprof {

class HostWorld final : public HostEnvironment {
 public:
  HostWorld();

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
  uint64_t clock_ns = 0, ns_per_look = 0;
  std::function<void(uint64_t address)> on_read;  // before every read of user memory
  std::vector<std::unique_ptr<sp_chunk>> chunks;
  std::vector<sp_executable> executables;
  std::vector<sp_rule> rules;
  std::vector<sp_runtime> runtimes;  // by number
  std::array<uint64_t, SP_COUNT_MAX> counters{};
  uint64_t table_looks = 0;  // how often a table was looked for

  bool read_user(uint64_t address, std::span<std::byte> into) override;
  uint64_t now_ns() override { return clock_ns += ns_per_look; }
  sp_chunk* find_chunk(uint32_t slot) override;
  sp_executable* find_executable(uint32_t index) override;
  sp_rule* find_rule(uint32_t number) override;
  sp_runtime* find_runtime(uint32_t number) override;
  void count(uint32_t counter) override { ++counters[counter]; }

 private:
  uint32_t write(std::span<const uint32_t> words);
  uint32_t used_ = 1;  // words of the last chunk
  uint32_t generation_ = 0;
};

}  // namespace splitprof
