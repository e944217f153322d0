// SPDX-License-Identifier: Apache-2.0
//
// The pages of the telemetry server: /metrics for Prometheus, /healthz for whoever restarts services. Run on the
// server's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "processor/http/server.h"
#include "processor/telemetry/telemetry.h"

namespace splitprof {

// `telemetry` outlives the server; `monotonic_ns` tells the time, from any thread.
std::vector<http::Route> telemetry_routes(const Telemetry& telemetry, std::function<uint64_t()> monotonic_ns);

}  // namespace splitprof
