// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/metadata.h"

#include <map>

#include "processor/elasticsearch/attribute_json.h"

namespace splitprof::elasticsearch {

Metadata::Metadata(const otel::Dictionary& dictionary, const otel::Resource& resource, const otel::Scope& scope,
                   const otel::Profile& profile)
    : dictionary_(dictionary), resource_(resource), scope_(scope), profile_(profile) {}

const otel::Value* Metadata::find(std::string_view key) const {
  for (const int32_t index : profile_.attributes) {
    const otel::Attribute* attribute = dictionary_.attribute(index);
    if (attribute != nullptr && dictionary_.strings[attribute->key] == key) return &attribute->value;
  }
  if (const auto* value = otel::find(scope_.attributes, key)) return value;
  return otel::find(resource_.attributes, key);
}

std::string_view Metadata::text(std::string_view key, std::string& scratch) const {
  const otel::Value* value = find(key);
  return value == nullptr ? std::string_view() : as_text(*value, scratch);
}

std::vector<std::pair<std::string_view, const otel::Value*>> Metadata::all() const {
  std::map<std::string_view, const otel::Value*> found;
  for (const int32_t index : profile_.attributes) {
    if (const auto* attribute = dictionary_.attribute(index)) {
      found.emplace(dictionary_.strings[attribute->key], &attribute->value);
    }
  }
  for (const auto* attributes : {&scope_.attributes, &resource_.attributes}) {
    for (const auto& entry : *attributes) found.emplace(entry.key, &entry.value);
  }
  return {found.begin(), found.end()};
}

}  // namespace splitprof::elasticsearch
