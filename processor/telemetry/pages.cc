// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/pages.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

#include "processor/telemetry/prometheus.h"

namespace splitprof {
namespace {

http::Answer health(const std::vector<HealthCheck>& problems) {
  if (problems.empty()) return {.body = "ok\n"};
  nlohmann::ordered_json reasons = nlohmann::ordered_json::array();
  for (const auto& problem : problems) reasons.push_back({{"check", problem.name}, {"reason", problem.problem}});
  const nlohmann::ordered_json body{{"status", "unhealthy"}, {"reasons", std::move(reasons)}};
  // Names of components come from the configuration, and need not be UTF-8.
  return {.status = 503,
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"};
}

}  // namespace

std::vector<http::Route> telemetry_routes(const Telemetry& telemetry, std::function<uint64_t()> monotonic_ns) {
  std::vector<http::Route> routes(2);
  routes[0].path = "/metrics";
  routes[0].handler = [&telemetry](const http::Call&) {
    return http::Answer{.content_type = std::string(kPrometheusContentType),
                        .body = prometheus_text(telemetry.groups(), telemetry.version())};
  };
  routes[1].path = "/healthz";
  routes[1].handler = [&telemetry, monotonic_ns = std::move(monotonic_ns)](const http::Call&) {
    return health(telemetry.problems(monotonic_ns()));
  };
  return routes;
}

}  // namespace splitprof
