// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/names.h"

namespace splitprof::dwarf {
namespace {

constexpr size_t kBytesOfAnEntry = 96;  // of the map, beside the name itself

}  // namespace

std::string_view Names::of(const Unit& unit, uint64_t offset) {
  const auto [known, is_new] = known_.try_emplace({unit.file, offset});
  if (is_new) {
    known->second = read(unit, offset);
    bytes_ += kBytesOfAnEntry + known->second.size();
  }
  return known->second;
}

void Names::forget_some() {
  if (bytes_ < kMaxCachedTextBytes) return;
  known_.clear();
  bytes_ = 0;
}

// From the entry to its abstract origin, or to the declaration that it specifies, until there is a linkage name; the
// first plain name on the way is the second choice.
std::string Names::read(const Unit& first_unit, uint64_t offset) {
  const Unit* unit = &first_unit;
  std::shared_ptr<const Unit> other;  // owns `unit` when that is another one; its file may forget it meanwhile
  std::string plain;
  for (size_t hop = 0; hop < kMaxReferences; ++hop) {
    const auto entry = unit->file->entry_at(*unit, offset);
    if (!entry) break;
    if (entry->linkage_name) {
      if (auto name = unit->file->text(*unit, entry->linkage_name)) return std::move(*name);
    }
    if (entry->name && plain.empty()) {
      if (auto name = unit->file->text(*unit, entry->name)) plain = std::move(*name);
    }
    const Value next = entry->abstract_origin ? entry->abstract_origin : entry->specification;
    if (!next) break;
    const auto reference = unit->file->reference(*unit, next);
    if (!reference) break;
    offset = reference->offset;
    const bool inside = reference->file == unit->file && offset >= unit->header.root && offset < unit->header.end;
    if (inside) continue;
    auto holder = reference->file->unit_with(offset);
    if (!holder) break;
    other = std::move(*holder);
    unit = other.get();
  }
  return plain;
}

}  // namespace splitprof::dwarf
