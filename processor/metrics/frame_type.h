// SPDX-License-Identifier: Apache-2.0
//
// The frame types that have a metric: values of profile.frame.type as of OpenTelemetry's semantic conventions 1.34.
#pragma once

#include <optional>
#include <string_view>

#include "processor/metrics/metric_table.h"

namespace splitprof::metrics {

enum class FrameType : uint8_t { kernel, native, jvm, cpython, go, v8js, php, perl, ruby, dotnet, rust, beam };

std::optional<FrameType> frame_type_of(std::string_view text);
// The sum that a leaf of this type adds to.
MetricNumber metric_of(FrameType type);

}  // namespace splitprof::metrics
