// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/dictionary_builder.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace splitprof {
namespace {

uint64_t pair_of(int32_t a, int32_t b) {
  return uint64_t{static_cast<uint32_t>(a)} << 32 | static_cast<uint32_t>(b);
}

template <typename T>
int32_t last_index(const std::vector<T>& table) {
  return static_cast<int32_t>(table.size() - 1);
}

}  // namespace

DictionaryBuilder::DictionaryBuilder() {
  string("");
  made_.mappings.emplace_back();
  made_.locations.emplace_back();
  made_.functions.emplace_back();
  functions_.emplace(0, 0);
  made_.links.emplace_back();
  made_.attributes.emplace_back();
  stack({});
}

int32_t DictionaryBuilder::string(std::string_view text) {
  const auto [entry, is_new] = strings_.try_emplace(std::string(text), static_cast<int32_t>(made_.strings.size()));
  if (is_new) made_.strings.add(text);
  return entry->second;
}

int32_t DictionaryBuilder::function(std::string_view name, std::string_view file) {
  const int32_t name_index = string(name), file_index = string(file);
  const auto [entry, is_new] =
      functions_.try_emplace(pair_of(name_index, file_index), static_cast<int32_t>(made_.functions.size()));
  if (is_new) made_.functions.push_back({.name = name_index, .filename = file_index});
  return entry->second;
}

int32_t DictionaryBuilder::attribute(std::string_view key, std::string_view text) {
  const int32_t key_index = string(key);
  const auto [entry, is_new] =
      texts_.try_emplace({key_index, std::string(text)}, static_cast<int32_t>(made_.attributes.size()));
  if (is_new) made_.attributes.push_back({.key = key_index, .value = {std::string(text)}});
  return entry->second;
}

int32_t DictionaryBuilder::attribute(std::string_view key, int64_t number) {
  const int32_t key_index = string(key);
  const auto [entry, is_new] = numbers_.try_emplace({key_index, number}, static_cast<int32_t>(made_.attributes.size()));
  if (is_new) made_.attributes.push_back({.key = key_index, .value = {number}});
  return entry->second;
}

otel::Range DictionaryBuilder::add_indices(std::span<const int32_t> indices) {
  const auto begin = static_cast<uint32_t>(made_.indices.size());
  made_.indices.insert(made_.indices.end(), indices.begin(), indices.end());
  return {begin, static_cast<uint32_t>(indices.size())};
}

int32_t DictionaryBuilder::add_mapping(std::string_view filename, std::span<const int32_t> attributes) {
  made_.mappings.push_back({.filename = string(filename), .attributes = add_indices(attributes)});
  return last_index(made_.mappings);
}

int32_t DictionaryBuilder::add_location(int32_t mapping, uint64_t address, std::span<const otel::Line> lines,
                                        int32_t frame_type) {
  const otel::Range range{static_cast<uint32_t>(made_.lines.size()), static_cast<uint32_t>(lines.size())};
  made_.lines.insert(made_.lines.end(), lines.begin(), lines.end());
  made_.locations.push_back(
      {.mapping = mapping, .address = address, .lines = range, .attributes = add_indices(std::span(&frame_type, 1))});
  return last_index(made_.locations);
}

int32_t DictionaryBuilder::stack(std::span<const int32_t> locations) {
  const auto sum = XXH3_64bits(locations.data(), locations.size_bytes());
  const auto found = stacks_.find(sum, [&](uint32_t position) {
    const auto known = made_.locations_of(static_cast<int32_t>(position));
    return std::equal(known.begin(), known.end(), locations.begin(), locations.end());
  });
  if (found != IndexTable::kNone) return static_cast<int32_t>(found);
  made_.stacks.push_back({add_indices(locations)});
  stacks_.insert(sum, static_cast<uint32_t>(made_.stacks.size() - 1));
  return last_index(made_.stacks);
}

}  // namespace splitprof
