// SPDX-License-Identifier: Apache-2.0
//
// Counters as Prometheus reads them: its text format, version 0.0.4. Pure function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "processor/telemetry/telemetry.h"

namespace splitprof {

inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// Values of one name stand together, whichever part they come from. Of a name and component that comes twice the first
// counts.
std::string prometheus_text(const std::vector<MetricGroup>& groups, std::string_view version);

}  // namespace splitprof
