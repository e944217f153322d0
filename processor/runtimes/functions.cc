// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/functions.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "shared/check.h"

namespace splitprof {
namespace {

constexpr size_t kFirstPlaces = 1024;

uint64_t hash_of(const Function& function) {
  static_assert(sizeof(Function::LineEntry) == 8, "no padding is hashed");
  uint64_t hash = XXH3_64bits_withSeed(function.name.data(), function.name.size(), function.first_line);
  hash = XXH3_64bits_withSeed(function.file.data(), function.file.size(), hash);
  return XXH3_64bits_withSeed(function.lines.data(), function.lines.size() * sizeof(Function::LineEntry), hash);
}

// On the heap, beside the value itself.
uint64_t content_bytes_of(const Function& function) {
  const auto text_bytes = [](const std::string& text) {
    return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
  };
  return text_bytes(function.name) + text_bytes(function.file) +
         function.lines.capacity() * sizeof(Function::LineEntry);
}

}  // namespace

const char* function_error_text(uint32_t id) {
  switch (static_cast<FunctionError>(id)) {
    case FunctionError::gone:
      return "ended before it was named";
    case FunctionError::replaced:
      return "freed before it was named";
    case FunctionError::unreadable:
      return "unreadable";
    case FunctionError::limited:
      return "too many functions";
    case FunctionError::broken_chain:
      return "frames missing";
    case FunctionError::late:
      return "not named in time";
  }
  return nullptr;
}

Functions::Functions(Limits limits) : limits_(limits), table_(kFirstPlaces) {
  CHECK(limits.functions <= kMostFunctions);
}

std::optional<uint32_t> Functions::index_of(uint32_t id) const {
  const uint32_t number = id & ((1u << kSlotBits) - 1);
  if (number < kFirstFunctionId || number - kFirstFunctionId >= slots_.size()) return std::nullopt;
  const Slot& slot = slots_[number - kFirstFunctionId];
  if (!slot.is_taken || slot.generation != id >> kSlotBits) return std::nullopt;
  return number - kFirstFunctionId;
}

uint32_t Functions::id_at(uint32_t index) const {
  return slots_[index].generation << kSlotBits | (index + kFirstFunctionId);
}

const Function* Functions::find(uint32_t id) const {
  const auto index = index_of(id);
  return index ? &slots_[*index].function : nullptr;
}

uint32_t Functions::line_at(uint32_t id, uint32_t position) const {
  const Function* function = find(id);
  return function ? function->line_at(position) : 0;
}

bool Functions::mark_used(uint32_t id) {
  const auto index = index_of(id);
  if (index) slots_[*index].last_used = profile_;
  return index.has_value();
}

void Functions::begin_profile() {
  ++profile_;
  not_asked_ = slots_.size();
}

uint64_t Functions::memory_bytes() const {
  return content_bytes_ + slots_.size() * sizeof(Slot) + (table_.capacity() + free_.capacity()) * sizeof(uint32_t);
}

uint32_t Functions::intern(Function function) {
  const uint64_t hash = hash_of(function);
  for (size_t place = first_place(hash); table_[place] != 0; place = next_place(place)) {
    Slot& slot = slots_[table_[place] - 1];
    if (slot.hash != hash || slot.function != function) continue;
    slot.last_used = profile_;
    return id_at(table_[place] - 1);
  }
  const uint64_t content_bytes = content_bytes_of(function);
  if (!make_room(content_bytes)) {
    ++refused_;
    return id_of(FunctionError::limited);
  }
  const uint32_t index = take_slot();
  Slot& slot = slots_[index];
  slot.function = std::move(function);
  slot.hash = hash;
  slot.last_used = profile_;
  slot.is_taken = true;
  content_bytes_ += content_bytes;
  ++size_;
  insert(index);
  return id_at(index);
}

bool Functions::make_room(uint64_t content_bytes) {
  if (content_bytes > limits_.bytes) return false;
  const auto has_room = [&] {
    const uint64_t another = free_.empty() ? sizeof(Slot) : 0;
    const uint64_t larger_table = (size_ + 1) * 2 > table_.size() ? table_.size() * sizeof(uint32_t) : 0;
    return size_ < limits_.functions && memory_bytes() + content_bytes + another + larger_table <= limits_.bytes;
  };
  while (!has_room())
    if (!evict_one()) return false;
  return true;
}

// Goes round the slots; one that was used by now will not become unused in this profile, so that each is asked once.
bool Functions::evict_one() {
  while (not_asked_ > 0) {
    --not_asked_;
    const uint32_t index = hand_;
    hand_ = index + 1 < slots_.size() ? index + 1 : 0;
    if (!slots_[index].is_taken || slots_[index].last_used + 1 >= profile_) continue;
    evict(index);
    return true;
  }
  return false;
}

void Functions::evict(uint32_t index) {
  remove(index);
  Slot& slot = slots_[index];
  content_bytes_ -= content_bytes_of(slot.function);
  slot.function = Function();
  slot.is_taken = false;
  slot.generation = (slot.generation + 1) & ((1u << (32 - kSlotBits)) - 1);
  free_.push_back(index);
  --size_;
  ++evicted_;
}

uint32_t Functions::take_slot() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

void Functions::insert(uint32_t index) {
  if (size_ * 2 > table_.size()) return grow_table();
  size_t place = first_place(slots_[index].hash);
  while (table_[place] != 0) place = next_place(place);
  table_[place] = index + 1;
}

// Moves what stands behind the gap forward, so that every one is still found from its first place on.
void Functions::remove(uint32_t index) {
  size_t gap = first_place(slots_[index].hash);
  while (table_[gap] != index + 1) gap = next_place(gap);
  const size_t mask = table_.size() - 1;
  for (size_t place = next_place(gap); table_[place] != 0; place = next_place(place)) {
    const size_t wanted = first_place(slots_[table_[place] - 1].hash);
    if (((place - wanted) & mask) < ((place - gap) & mask)) continue;
    table_[gap] = table_[place];
    gap = place;
  }
  table_[gap] = 0;
}

void Functions::grow_table() {
  table_.assign(table_.size() * 2, 0);
  for (uint32_t index = 0; index < slots_.size(); ++index)
    if (slots_[index].is_taken) insert(index);
}

}  // namespace splitprof
