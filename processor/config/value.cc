// SPDX-License-Identifier: Apache-2.0
#include "processor/config/value.h"

#include <algorithm>

namespace splitprof::config {

const Entry* Value::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

void merge(Value& into, Value from) {
  if (into.kind != Value::Kind::map || from.kind != Value::Kind::map) {
    into = std::move(from);
    return;
  }
  into.place = from.place;
  for (auto& entry : from.entries) {
    if (const auto* known = into.find(entry.key)) {
      auto& old = into.entries[static_cast<size_t>(known - into.entries.data())];
      old.place = entry.place;
      merge(old.value, std::move(entry.value));
    } else {
      into.entries.push_back(std::move(entry));
    }
  }
}

void split_keys(Value& top, std::string_view separator) {
  Value out;
  out.kind = Value::Kind::map;
  for (auto& entry : top.entries) {
    std::vector<std::string> parts;
    for (std::string_view rest = entry.key;;) {
      const size_t end = parts.size() + 1 < kMaxDepth ? rest.find(separator) : rest.npos;
      parts.emplace_back(rest.substr(0, end));
      if (end == rest.npos) break;
      rest.remove_prefix(end + separator.size());
    }
    Value value = std::move(entry.value);
    for (; !parts.empty(); parts.pop_back()) {
      Value outer;
      outer.kind = Value::Kind::map;
      outer.place = entry.place;
      outer.entries.push_back({std::move(parts.back()), entry.place, std::move(value)});
      value = std::move(outer);
    }
    merge(out, std::move(value));
  }
  out.place = top.place;
  top = std::move(out);
}

}  // namespace splitprof::config
