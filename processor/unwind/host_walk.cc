// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/host_walk.h"

#include <algorithm>
#include <cstring>

namespace splitprof {
namespace {

// A frame takes a word of the stack at least; a forged signal frame, which may lead back, does not go on for ever.
constexpr uint32_t kMaxSteps = SP_MAX_STACK_BYTES / 8;
constexpr uint32_t kListGeneration = 1;

}  // namespace

HostWalk::HostWalk(HostTables& tables)
    : tables_(tables), walk_(std::make_unique<sp_walk>()), list_(std::make_unique<sp_chunk>()) {
  set_mappings({});
}

void HostWalk::set_mappings(std::span<const sp_mapping> mappings) {
  mappings = mappings.first(std::min<size_t>(mappings.size(), SP_MAX_MAPPINGS));
  list_->words[0] = kListGeneration;
  if (!mappings.empty()) std::memcpy(&list_->words[SP_LIST_HEADER_WORDS], mappings.data(), mappings.size_bytes());
  walk_->list = SP_REF(0, 0);
  walk_->list_generation = kListGeneration;
  walk_->n_mappings = static_cast<uint32_t>(mappings.size());
}

void HostWalk::set_loops(std::span<const CodeRange> loops) {
  walk_->n_loops = static_cast<uint32_t>(std::min<size_t>(loops.size(), SP_MAX_LOOPS));
  // Of no interpreter's kind: nobody takes over, as there is no memory to find its frames in.
  for (uint32_t i = 0; i < walk_->n_loops; ++i)
    walk_->loops[i] = {.start = loops[i].start.value, .length = loops[i].length, .cursor = 0, .kind = 0};
}

uint32_t HostWalk::walk(const StackCopy& stack) {
  sp_walk& walk = *walk_;
  walk.sample.n_cells = 0;
  walk.sample.end = SP_COUNT_no_registers;
  if (stack.registers.size() != SP_N_REGISTERS) return 0;
  stack_ = stack;
  left_the_copy_ = false;
  std::copy(stack.registers.begin(), stack.registers.end(), walk.registers);
  walk.pc = stack.registers[SP_REGISTER_PC];
  walk.sp = stack.registers[SP_REGISTER_SP];
  walk.fp = stack.registers[SP_REGISTER_FP];
#if defined(__aarch64__)
  walk.lr = stack.registers[30];
#endif
  walk.registers_known = 1;
  walk.exact = 1;
  walk.steps = 0;
  walk.unwinder = 0;
  walk.in_loop = 0;
  walk.draining = 0;
  for (auto& cursor : walk.cursors) cursor.runtime = 0;
  walk.sample.time_ns = 0;
  walk_on_host(walk, *this, kMaxSteps);
  stack_ = {};
  const uint16_t end = walk.sample.end;
  if (left_the_copy_ && (end == SP_COUNT_stack_unreadable || end == SP_COUNT_frame_pointer_end))
    walk.sample.end = SP_COUNT_stack_copy_end;
  return walk.sample.n_cells;
}

bool HostWalk::read_user(uint64_t address, std::span<std::byte> into) {
  const uint64_t offset = address - stack_.address;
  const bool inside = offset <= stack_.bytes.size() && stack_.bytes.size() - offset >= into.size();
  left_the_copy_ = !inside && address != walk_->pc;  // a look at code, whether it is a signal's trampoline
  if (!inside) return false;
  std::memcpy(into.data(), stack_.bytes.data() + offset, into.size());
  return true;
}

std::span<const sp_cell> HostWalk::cells() const {
  return {reinterpret_cast<const sp_cell*>(walk_->data), std::min<size_t>(walk_->sample.n_cells, SP_MAX_CELLS)};
}

std::span<const sp_cell> HostWalk::leaf_cells() const {
  return left_out() == 0 ? cells() : cells().first(SP_LEAF_CELLS);
}

uint32_t HostWalk::left_out() const {
  return walk_->sample.n_cells > SP_MAX_CELLS ? walk_->sample.n_cells - SP_MAX_CELLS : 0;
}

// The ring behind the leaf cells, from its oldest cell on.
std::span<const sp_cell> HostWalk::root_cells() {
  root_.clear();
  if (left_out() == 0) return root_;
  const auto ring = cells().subspan(SP_LEAF_CELLS);
  const auto oldest = static_cast<ptrdiff_t>(left_out() % SP_ROOT_CELLS);
  root_.assign(ring.begin() + oldest, ring.end());
  root_.insert(root_.end(), ring.begin(), ring.begin() + oldest);
  return root_;
}

uint64_t HostWalk::pending_address() const {
  return walk_->pc - !walk_->exact;
}

}  // namespace splitprof
