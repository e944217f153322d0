// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/arena.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shared/check.h"
#include "shared/log.h"

namespace splitprof {

Arena::Arena(int outer, uint32_t slots) : outer_(outer), slots_(slots), staged_(SP_CHUNK_WORDS) {}

void Arena::prepare(uint32_t chunks) {
  while (chunks_.size() < std::min(chunks, slots_) && add_chunk()) continue;
}

std::optional<uint32_t> Arena::take(Chunk& chunk, uint32_t words) {
  for (auto range = chunk.free.begin(); range != chunk.free.end(); ++range) {
    const auto [first, length] = *range;
    if (length < words) continue;
    chunk.free.erase(range);
    if (length > words) chunk.free.emplace(first + words, length - words);
    return first;
  }
  return std::nullopt;
}

std::optional<Block> Arena::allocate(uint32_t words, uint32_t reserve_slots) {
  CHECK(words > 0 && words < SP_CHUNK_WORDS);
  for (uint32_t tried = 0; tried < chunks_.size(); ++tried) {
    const uint32_t slot = (hint_ + tried) % chunks_.size();
    if (const auto first = take(chunks_[slot], words)) {
      hint_ = slot;
      return Block{SP_REF(slot, *first), words};
    }
  }
  if (chunks_.size() + reserve_slots >= slots_ || !add_chunk()) return std::nullopt;
  hint_ = static_cast<uint32_t>(chunks_.size()) - 1;
  const auto first = take(chunks_.back(), words);
  CHECK(first.has_value());
  return Block{SP_REF(hint_, *first), words};
}

void Arena::free(Block block) {
  auto& ranges = chunks_.at(SP_REF_SLOT(block.ref)).free;
  auto [range, inserted] = ranges.emplace(SP_REF_WORD(block.ref), block.words);
  CHECK(inserted);
  if (auto next = std::next(range); next != ranges.end() && range->first + range->second == next->first) {
    range->second += next->second;
    ranges.erase(next);
  }
  if (range != ranges.begin()) {
    auto before = std::prev(range);
    CHECK(before->first + before->second <= range->first);
    if (before->first + before->second == range->first) {
      before->second += range->second;
      ranges.erase(range);
    }
  }
}

bool Arena::add_chunk() {
  const auto slot = static_cast<uint32_t>(chunks_.size());
  const int raw = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sp_chunk", sizeof(uint32_t), SP_CHUNK_BYTES, 1, nullptr);
  if (raw < 0) {
    log::warn("no memory for another chunk of tables ({} in use): {}", slot, strerror(errno));
    return false;
  }
  kj::AutoCloseFd map(raw);
  if (bpf_map_update_elem(outer_, &slot, &raw, BPF_ANY) < 0) {
    log::warn("cannot add a chunk to the table arena: {}", strerror(errno));
    return false;
  }
  // The very first word stays unused, so that no reference is 0.
  const uint32_t first = slot == 0 ? 1 : 0;
  chunks_.push_back(Chunk{kj::mv(map), {{first, SP_CHUNK_WORDS - first}}});
  return true;
}

bool Arena::stage(uint32_t slot) {
  if (staged_slot_ == slot) return true;
  if (!flush()) return false;
  const uint32_t key = 0;
  if (bpf_map_lookup_elem(chunks_.at(slot).map, &key, staged_.data()) < 0) return false;
  staged_slot_ = slot;
  return true;
}

void Arena::write(Block block, std::span<const uint32_t> words) {
  CHECK(words.size() <= block.words);
  if (!stage(SP_REF_SLOT(block.ref))) return;
  std::ranges::copy(words, staged_.begin() + SP_REF_WORD(block.ref));
  dirty_ = true;
}

bool Arena::flush() {
  if (!dirty_) return true;
  const uint32_t key = 0;
  dirty_ = false;
  if (bpf_map_update_elem(chunks_.at(*staged_slot_).map, &key, staged_.data(), BPF_ANY) == 0) return true;
  log::warn("cannot write a chunk of tables: {}", strerror(errno));
  staged_slot_.reset();
  return false;
}

uint32_t Arena::next_generation() {
  do ++generation_;
  while ((generation_ & SP_TABLE_GENERATION_MASK) == 0);
  return generation_;
}

}  // namespace splitprof
