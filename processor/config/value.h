// SPDX-License-Identifier: Apache-2.0
//
// A YAML document as a tree of plain values that know where they stand. Made by read_yaml(), bounded in depth and size;
// merged and substituted before any key is looked at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processor/config/problems.h"

namespace splitprof::config {

struct Entry;

struct Value {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Place place;
  std::string text;  // of a scalar
  bool quoted = false;
  std::vector<Value> items;    // of a list
  std::vector<Entry> entries;  // of a map, in the order of the document; no key twice

  const Entry* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Place place;
  Value value;
};

// As the collector merges its documents: maps entry by entry, everything else is replaced, by null too.
void merge(Value& into, Value from);

// Bounds on one document. The largest collector configurations that we know have some thousand values.
constexpr size_t kMaxDocumentBytes = 1u << 20;
constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxValues = 10'000;  // aliases count as what they stand for

// One document of YAML 1.2; an empty one is null. Nothing: it is none, and `problems` says where. A key that stands
// twice, or a tag, is a problem as well, but the rest is read.
std::optional<Value> read_yaml(std::string_view text, uint32_t source, Problems& problems);
// Keys that hold the separator stand for nested maps: "a::b: c".
void split_keys(Value& top, std::string_view separator);

}  // namespace splitprof::config
