// SPDX-License-Identifier: Apache-2.0
//
// Series: each metric with one set of attributes, by number, so that a sample is an addition and no text. Texts are
// kept once. Both live until clear(): as long as anything that is not handed on yet refers to them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "processor/metrics/kernel_class.h"
#include "processor/metrics/metric_table.h"
#include "processor/otel/attributes.h"
#include "processor/otel/profiles.h"
#include "processor/traces/index_table.h"

namespace splitprof::metrics {

class SeriesTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;  // no such text: the attribute is absent; no such series

  SeriesTable();

  uint32_t text(std::string_view text);
  std::string_view text_of(uint32_t text) const { return texts_[static_cast<int32_t>(text)]; }

  // A sum without attributes.
  uint32_t plain(MetricNumber metric) { return series({metric, kNone, kNone, kNone}); }
  uint32_t native(uint32_t shlib) { return series({MetricNumber::native, shlib, kNone, kNone}); }
  uint32_t kernel(uint32_t syscall, KernelRank rank) { return series({MetricNumber::kernel, syscall, rank, kNone}); }
  uint32_t gauge(MetricNumber metric, uint32_t classification, uint32_t frame_type, uint32_t type_unit) {
    return series({metric, classification, frame_type, type_unit});
  }

  // What the three texts mean depends on the metric.
  struct Series {
    MetricNumber metric;
    uint32_t first, second, third;
    friend bool operator==(const Series&, const Series&) = default;
  };
  const Series& operator[](uint32_t series) const { return series_[series]; }
  otel::Attributes attributes_of(uint32_t series) const;

  size_t size() const { return series_.size(); }
  size_t bytes() const { return text_bytes_ + series_.size() * sizeof(Series); }  // roughly
  void clear();

 private:
  uint32_t series(const Series& wanted);

  uint64_t seed_;
  otel::StringTable texts_;
  size_t text_bytes_ = 0;
  std::vector<Series> series_;
  IndexTable text_index_, series_index_;
};

}  // namespace splitprof::metrics
