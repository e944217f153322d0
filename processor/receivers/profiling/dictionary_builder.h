// SPDX-License-Identifier: Apache-2.0
//
// DictionaryBuilder: fills a Dictionary so that each string, function, attribute and stack stands in it once. The first
// entry of each table is empty, as the protocol wants it. Used by one thread, for one batch.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "processor/otel/profiles.h"
#include "processor/traces/index_table.h"

namespace splitprof {

class DictionaryBuilder {
 public:
  DictionaryBuilder();
  DictionaryBuilder(const DictionaryBuilder&) = delete;
  DictionaryBuilder& operator=(const DictionaryBuilder&) = delete;

  int32_t string(std::string_view text);
  int32_t function(std::string_view name, std::string_view file);
  int32_t attribute(std::string_view key, std::string_view text);
  int32_t attribute(std::string_view key, int64_t number);
  // These two are not looked for: the caller knows what it has added.
  int32_t add_mapping(std::string_view filename, std::span<const int32_t> attributes);
  int32_t add_location(int32_t mapping, uint64_t address, std::span<const otel::Line> lines, int32_t frame_type);
  int32_t stack(std::span<const int32_t> locations);

  // What there is; nothing may be added any more.
  otel::Dictionary finish() { return std::move(made_); }

 private:
  otel::Range add_indices(std::span<const int32_t> indices);

  otel::Dictionary made_;
  std::unordered_map<std::string, int32_t> strings_;
  std::unordered_map<uint64_t, int32_t> functions_;           // by name << 32 | file
  std::map<std::pair<int32_t, std::string>, int32_t> texts_;  // attributes, by key and value
  std::map<std::pair<int32_t, int64_t>, int32_t> numbers_;
  IndexTable stacks_;
};

}  // namespace splitprof
