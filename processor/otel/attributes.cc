// SPDX-License-Identifier: Apache-2.0
#include "processor/otel/attributes.h"

#include <algorithm>

namespace splitprof::otel {

const Value* find(const Attributes& attributes, std::string_view key) {
  const auto found =
      std::find_if(attributes.begin(), attributes.end(), [&](const KeyValue& entry) { return entry.key == key; });
  return found == attributes.end() ? nullptr : &found->value;
}

void set(Attributes& attributes, std::string_view key, Value value) {
  for (auto& entry : attributes)
    if (entry.key == key) {
      entry.value = std::move(value);
      return;
    }
  attributes.push_back({std::string(key), std::move(value)});
}

std::string_view text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value.v);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

}  // namespace splitprof::otel
