// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/metric_table.h"

#include <array>

namespace splitprof::metrics {
namespace {

// In the order of MetricNumber.
constexpr std::array<MetricText, kMetrics> kTexts{{
    {"samples.beam.count", "Number of samples executing Beam code (self)"},
    {"samples.classification", "Number of profiling frames by classification", true},
    {"samples.cpython.count", "Number of samples executing Python code (self)"},
    {"samples.custom_aggregation", "Number of profiling frames by classification", true},
    {"samples.dotnet.count", "Number of samples executing Dotnet code (self)"},
    {"samples.frame_type", "Number of profiles frames by frame type", true},
    {"samples.go.count", "Number of samples executing Go code (self)"},
    {"samples.jvm.count", "Number of samples executing HotSpot code (self)"},
    {"samples.kernel.count", "Number of samples executing kernel code (self)"},
    {"samples.native.count", "Number of samples executing native code (self)"},
    {"samples.perl.count", "Number of samples executing Perl code (self)"},
    {"samples.php.count", "Number of samples executing PHP code (self)"},
    {"samples.ruby.count", "Number of samples executing Ruby code (self)"},
    {"samples.rust.count", "Number of samples executing Rust code (self)"},
    {"samples.user.count", "Number of samples executing userspace code (self)"},
    {"samples.v8js.count", "Number of samples executing v8js code (self)"},
}};

}  // namespace

const MetricText& text_of(MetricNumber metric) {
  return kTexts[metric];
}

}  // namespace splitprof::metrics
