// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/flush_buffer.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "processor/metrics/hash.h"

namespace splitprof::metrics {
namespace {

template <typename Number>
void append_number(Number number, std::string& out) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

void append_text(std::string_view text, std::string& out) {
  append_number(text.size(), out);
  out += text;
}

// A byte for the type, then what says by itself where it ends.
void append_identity(const otel::Value& value, std::string& out) {
  out += static_cast<char>(value.v.index());
  std::visit(
      [&](const auto& held) {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::string>) {
          append_text(held, out);
        } else if constexpr (std::is_same_v<Held, otel::Bytes>) {
          append_text(held.data, out);
        } else if constexpr (std::is_same_v<Held, otel::Value::Array>) {
          append_number(held.size(), out);
          for (const auto& element : held) append_identity(element, out);
        } else if constexpr (std::is_same_v<Held, otel::Value::Map>) {
          metrics::append_identity(held, out);
        } else if constexpr (!std::is_same_v<Held, std::monostate>) {
          append_number(held, out);
        }
      },
      value.v);
}

}  // namespace

void append_identity(const otel::Attributes& attributes, std::string& out) {
  std::vector<std::string> entries;
  entries.reserve(attributes.size());
  for (const auto& attribute : attributes) {
    auto& entry = entries.emplace_back();
    append_text(attribute.key, entry);
    append_identity(attribute.value, entry);
  }
  std::sort(entries.begin(), entries.end());
  append_number(entries.size(), out);
  for (const auto& entry : entries) out += entry;
}

FlushBuffer::FlushBuffer() : seed_(random_seed()) {}

uint32_t FlushBuffer::number_of(const otel::Resource& resource) {
  scratch_.clear();
  append_identity(resource.attributes, scratch_);
  const auto sum = hash(scratch_, seed_);
  const auto known = resource_index_.find(sum, [&](uint32_t position) { return identities_[position] == scratch_; });
  if (known != IndexTable::kNone) return known;
  resources_.push_back(resource);
  identities_.push_back(scratch_);
  identity_bytes_ += scratch_.size();
  const auto added = static_cast<uint32_t>(resources_.size() - 1);
  resource_index_.insert(sum, added);
  return added;
}

void FlushBuffer::merge(const otel::Resource& resource, std::span<const Point> points) {
  const uint32_t number = number_of(resource);
  for (const auto& point : points) {
    const auto sum = hash(number, point.series, seed_);
    const auto known = point_index_.find(sum, [&](uint32_t position) {
      return points_[position].resource == number && points_[position].point.series == point.series;
    });
    if (known == IndexTable::kNone) {
      points_.push_back({number, point});
      point_index_.insert(sum, static_cast<uint32_t>(points_.size() - 1));
      continue;
    }
    auto& merged = points_[known].point;
    merged.value += point.value;
    merged.time_ns = std::max(merged.time_ns, point.time_ns);
  }
}

size_t FlushBuffer::bytes() const {
  constexpr size_t kPoint = sizeof(Entry) + 32;  // and its places in the index, half of which are empty
  constexpr size_t kResource = 1024;             // and the allocations of some ten attributes
  return points_.size() * kPoint + resources_.size() * kResource + 2 * identity_bytes_;
}

otel::Metrics FlushBuffer::take(const SeriesTable& series, const Envelope& envelope) {
  std::vector<ResourceWriter> writers;
  writers.reserve(resources_.size());
  for (const auto& resource : resources_) writers.emplace_back(resource, envelope);
  for (const auto& entry : points_) writers[entry.resource].add(entry.point, series);
  otel::Metrics out;
  out.resources.reserve(writers.size());
  for (auto& writer : writers) out.resources.push_back(std::move(writer).finish());
  resources_ = {};
  identities_ = {};
  identity_bytes_ = 0;
  points_ = {};
  resource_index_ = {};
  point_index_ = {};
  return out;
}

}  // namespace splitprof::metrics
