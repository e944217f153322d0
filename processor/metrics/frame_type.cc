// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/frame_type.h"

#include <array>

namespace splitprof::metrics {
namespace {

struct Row {
  std::string_view text;
  MetricNumber metric;
};

// In the order of FrameType.
constexpr std::array<Row, 12> kRows{{
    {"kernel", MetricNumber::kernel},
    {"native", MetricNumber::native},
    {"jvm", MetricNumber::jvm},
    {"cpython", MetricNumber::cpython},
    {"go", MetricNumber::go},
    {"v8js", MetricNumber::v8js},
    {"php", MetricNumber::php},
    {"perl", MetricNumber::perl},
    {"ruby", MetricNumber::ruby},
    {"dotnet", MetricNumber::dotnet},
    {"rust", MetricNumber::rust},
    {"beam", MetricNumber::beam},
}};

}  // namespace

std::optional<FrameType> frame_type_of(std::string_view text) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].text == text) return static_cast<FrameType>(i);
  return std::nullopt;
}

MetricNumber metric_of(FrameType type) {
  return kRows[static_cast<size_t>(type)].metric;
}

}  // namespace splitprof::metrics
