// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/process.h"

#include <algorithm>

namespace splitprof {

const ProcessMapping* Process::find(uint64_t address) const {
  auto after = std::upper_bound(mappings.begin(), mappings.end(), address,
                                [](uint64_t a, const ProcessMapping& mapping) { return a < mapping.start.value; });
  if (after == mappings.begin()) return nullptr;
  --after;
  return address - after->start.value < after->length ? &*after : nullptr;
}

void Process::add(ProcessMapping added) {
  std::vector<ProcessMapping> kept;
  kept.reserve(mappings.size() + 2);
  for (auto& old : mappings) {
    if (old.end() <= added.start.value || old.start.value >= added.end()) {
      kept.push_back(std::move(old));
      continue;
    }
    if (old.start < added.start) {
      auto left = old;
      left.length = added.start.value - old.start.value;
      kept.push_back(std::move(left));
    }
    if (old.end() > added.end()) {
      auto right = old;
      right.start = RuntimeAddress(added.end());
      right.length = old.end() - added.end();
      right.file_offset.value += added.end() - old.start.value;
      kept.push_back(std::move(right));
    }
  }
  kept.push_back(std::move(added));
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  mappings = std::move(kept);
  ++mapping_changes;
  resolvable = false;
}

void set_name(Process& process, Process::NameSource source, std::string_view name) {
  if (source < process.name_source || name.empty()) return;
  if (source == process.name_source && source != Process::NameSource::leader) return;
  if (process.name != name) process.profile = 0;  // it is another resource now
  process.name = name;
  process.name_source = source;
}

}  // namespace splitprof
