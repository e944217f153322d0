// SPDX-License-Identifier: Apache-2.0
//
// HostWalk: unwinds the registers and the piece of stack that BPF copied because it could not walk by itself, with
// BPF's own unwinder. One object walks one stack after another on one thread, and uses its memory again. It finds no
// files and compiles no tables: a mapping whose table is missing ends the walk as table_pending.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "processor/ingest/runtime_value.h"
#include "processor/unwind/host_env.h"
#include "processor/unwind/host_tables.h"

namespace splitprof {

struct StackCopy {
  std::span<const uint64_t> registers;  // of the innermost frame, in DWARF's order, as bpf/abi.h has them
  uint64_t address = 0;                 // of the first byte
  std::span<const std::byte> bytes;
};

class HostWalk final : private HostEnvironment {
 public:
  explicit HostWalk(HostTables& tables);

  // Replaces the list that walks go by: executable mappings, sorted by start, `table` as HostTables::find() gave it.
  void set_mappings(std::span<const sp_mapping> mappings);
  // Replaces what is known of interpreters' loops: native frames in them are marked with SP_FRAME_LOOP.
  void set_loops(std::span<const CodeRange> loops);
  // How many frames there are, 0 when these are no registers of this machine; the other functions are about this walk.
  uint32_t walk(const StackCopy& stack);
  uint16_t end() const { return walk_->sample.end; }  // number in bpf/counters.def
  // Leaf first; more than SP_MAX_CELLS leave a gap between both parts.
  std::span<const sp_cell> leaf_cells() const;
  uint32_t left_out() const;
  std::span<const sp_cell> root_cells();
  // The address whose table is missing, when the walk ended as table_pending.
  uint64_t pending_address() const;

 private:
  bool read_user(uint64_t address, std::span<std::byte> into) override;
  uint64_t now_ns() override { return 0; }  // bounded by steps, so that a walk does not depend on the clock
  sp_chunk* find_chunk(uint32_t slot) override { return slot == 0 ? list_.get() : tables_.chunk(slot); }
  sp_executable* find_executable(uint32_t index) override { return tables_.executable(index); }
  sp_rule* find_rule(uint32_t number) override { return tables_.rule(number); }
  sp_runtime* find_runtime(uint32_t) override { return nullptr; }  // a stack copy has no interpreter's memory
  void count(uint32_t) override {}                                 // these are walks of samples counted already
  std::span<const sp_cell> cells() const;

  HostTables& tables_;
  std::unique_ptr<sp_walk> walk_;
  std::unique_ptr<sp_chunk> list_;
  std::vector<sp_cell> root_;
  StackCopy stack_;
  bool left_the_copy_ = false;  // the last read was of memory that is not in the copy
};

}  // namespace splitprof
