// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/mapping_lists.h"

#include <bpf/bpf.h>

#include <cstring>
#include <vector>

#include "sampler/tables/process_entry.h"
#include "shared/check.h"

namespace splitprof {

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
  auto entry = TRY(ProcessEntry::read(procs_, tgid));
  static_assert(sizeof(sp_mapping) == 6 * sizeof(uint32_t));
  std::vector<uint32_t> words(SP_LIST_HEADER_WORDS + mappings.size() * 6);
  const uint32_t generation = words[0] = arena_.next_generation();
  if (!mappings.empty()) std::memcpy(&words[SP_LIST_HEADER_WORDS], mappings.data(), mappings.size_bytes());
  const auto block = arena_.allocate(static_cast<uint32_t>(words.size()));
  if (!block) return fail(Errc::too_large, "the table arena is full");
  auto list = std::make_shared<List>(arena_, *block);
  arena_.write(*block, words);
  if (!arena_.flush()) return fail(Errc::io, "the kernel has no memory for a mapping list");

  entry.value.list = block->ref;
  entry.value.n_mappings = static_cast<uint32_t>(mappings.size());
  entry.value.generation = generation;
  TRY(entry.write());
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
