// SPDX-License-Identifier: Apache-2.0
//
// What waits for the next flush: points of the same resource and series are one, with the sum of the values and the
// later time. A resource is its set of attributes, in whatever order they stand. Order is that of first appearance.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "processor/metrics/emission.h"
#include "processor/metrics/resource_writer.h"
#include "processor/otel/metrics.h"
#include "processor/traces/index_table.h"

namespace splitprof::metrics {

class FlushBuffer {
 public:
  FlushBuffer();

  // `points` are not empty.
  void merge(const otel::Resource& resource, std::span<const Point> points);
  bool empty() const { return points_.empty(); }
  size_t bytes() const;  // roughly
  // Everything; it is empty afterwards.
  otel::Metrics take(const SeriesTable& series, const Envelope& envelope);

 private:
  struct Entry {
    uint32_t resource = 0;
    Point point;
  };
  uint32_t number_of(const otel::Resource& resource);

  uint64_t seed_;
  std::vector<otel::Resource> resources_;
  std::vector<std::string> identities_;  // of resources
  size_t identity_bytes_ = 0;
  std::vector<Entry> points_;
  IndexTable resource_index_, point_index_;
  std::string scratch_;
};

// Equal for two sets of attributes exactly when they hold the same keys with the same values, types included, in
// whatever order; of nested maps as well.
void append_identity(const otel::Attributes& attributes, std::string& out);

}  // namespace splitprof::metrics
