// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/ledger.h"

#include <algorithm>

#include "shared/check.h"

namespace splitprof::backlog {

void SerialSet::add(uint64_t first, uint64_t end) {
  auto next = ranges_.upper_bound(first);
  if (next != ranges_.begin()) {
    const auto before = std::prev(next);
    if (before->second >= first) {
      first = before->first;
      end = std::max(end, before->second);
      ranges_.erase(before);
    }
  }
  while (next != ranges_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = ranges_.erase(next);
  }
  if (first < end) ranges_.emplace(first, end);
}

bool SerialSet::contains(uint64_t serial) const {
  const auto next = ranges_.upper_bound(serial);
  return next != ranges_.begin() && std::prev(next)->second > serial;
}

std::vector<SerialRange> SerialSet::ranges() const {
  std::vector<SerialRange> list;
  for (const auto& [first, end] : ranges_) list.push_back({first, end});
  return list;
}

void Ledger::add_found(const RecordHeader& header, uint64_t segment, uint64_t offset) {
  next_serial = std::max(next_serial, header.serial + 1);
  Segment& holder = segments[segment];
  holder.newest_unix_ns = std::max(holder.newest_unix_ns, header.written_unix_ns);
  if (finished.contains(header.serial)) return;
  ++holder.live;
  const Place place{header.serial, segment};
  const auto known = entries.find(header.number);
  if (known != entries.end() && known->second.place.serial >= header.serial) {
    finish(place);
    return;
  }
  if (known != entries.end()) erase(known);
  entries.emplace(header.number, LedgerEntry{.place = place, .offset = offset, .header = header});
}

void Ledger::finish(const Place& place) {
  finished.add(place.serial, place.serial + 1);
  const auto segment = segments.find(place.segment);
  if (segment == segments.end()) return;  // dropped meanwhile
  CHECK(segment->second.live > 0);
  --segment->second.live;
}

void Ledger::erase(std::map<uint64_t, LedgerEntry>::iterator entry) {
  if (entry->second.place.serial != 0) finish(entry->second.place);
  for (const Place& place : entry->second.older) finish(place);
  entries.erase(entry);
}

uint64_t Ledger::bytes() const {
  uint64_t sum = 0;
  for (const auto& [number, segment] : segments) sum += segment.bytes;
  return sum;
}

void Ledger::tidy_finished() {
  finished.fill_below(segments.empty() ? next_serial : std::max<uint64_t>(segments.begin()->second.first_serial, 1));
}

}  // namespace splitprof::backlog
