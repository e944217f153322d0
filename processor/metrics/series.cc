// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/series.h"

#include "processor/metrics/hash.h"

namespace splitprof::metrics {

SeriesTable::SeriesTable() : seed_(random_seed()) {}

uint32_t SeriesTable::text(std::string_view text) {
  const auto sum = hash(text, seed_);
  const auto known = text_index_.find(sum, [&](uint32_t position) { return text_of(position) == text; });
  if (known != IndexTable::kNone) return known;
  const auto added = static_cast<uint32_t>(texts_.add(text));
  text_bytes_ += text.size() + sizeof(uint64_t);
  text_index_.insert(sum, added);
  return added;
}

uint32_t SeriesTable::series(const Series& wanted) {
  const auto sum =
      hash(uint64_t{wanted.first} << 32 | wanted.second, uint64_t{wanted.third} << 32 | wanted.metric, seed_);
  const auto known = series_index_.find(sum, [&](uint32_t position) { return series_[position] == wanted; });
  if (known != IndexTable::kNone) return known;
  series_.push_back(wanted);
  const auto added = static_cast<uint32_t>(series_.size() - 1);
  series_index_.insert(sum, added);
  return added;
}

otel::Attributes SeriesTable::attributes_of(uint32_t number) const {
  const auto& series = series_[number];
  otel::Attributes attributes;
  auto add = [&](std::string_view key, std::string_view value) {
    attributes.push_back({std::string(key), otel::Value{std::string(value)}});
  };
  if (series.metric == MetricNumber::native) {
    if (series.first != kNone) add("shlib_name", text_of(series.first));
  } else if (series.metric == MetricNumber::kernel) {
    const auto& kind = kernel_class(static_cast<KernelRank>(series.second));
    if (series.first != kNone) add("syscall_name", text_of(series.first));
    if (!kind.area.empty()) add("kernel_area", kind.area);
    if (!kind.proto.empty()) add("kernel_proto", kind.proto);
    if (!kind.io.empty()) add("kernel_io", kind.io);
  } else if (metrics::text_of(series.metric).gauge) {
    if (series.first != kNone) add("classification", text_of(series.first));
    if (series.second != kNone) add("frame_type", text_of(series.second));
    if (series.third != kNone) add("profile.type_unit", text_of(series.third));
  }
  return attributes;
}

void SeriesTable::clear() {
  texts_ = {};
  text_bytes_ = 0;
  series_ = {};
  text_index_ = {};
  series_index_ = {};
}

}  // namespace splitprof::metrics
