// SPDX-License-Identifier: Apache-2.0
//
// The codec as a program, for interop.py: writes what it is asked for to standard output, or converts profiles on
// standard input.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "processor/otlp/codec.h"
#include "random_telemetry.h"

using namespace splitprof;

namespace {

// Of which interop.py knows every value.
otel::Metrics known_metrics() {
  otel::Metrics out;
  auto& resource = out.resources.emplace_back();
  otel::set(resource.resource.attributes, "process.pid", {int64_t{-7}});
  auto& scope = resource.scopes.emplace_back();
  scope.scope.name = "scope";
  scope.scope.version = "1.2";
  scope.metrics.push_back(
      {.name = "a.sum",
       .description = "what it is",
       .unit = "1",
       .kind = otel::Metric::Kind::delta_sum,
       .points = {{{{"key", {std::string("value")}}}, 1'700'000'000'000'000'001, 1'700'000'000'000'000'002, 5},
                  {{}, 3, 4, 0}}});
  scope.metrics.push_back({.name = "a.gauge", .kind = otel::Metric::Kind::gauge, .points = {{{}, 0, 6, INT64_MIN}}});
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto encoding = [&](int at) {
    return argc > at && std::string(argv[at]) == "json" ? otlp::Encoding::json : otlp::Encoding::proto;
  };
  const auto seed = [&] { return static_cast<uint32_t>(argc > 3 ? std::atoi(argv[3]) : 0); };
  std::string out;
  if (what == "profiles") {
    out = encode(random_profiles(seed()), encoding(2));
  } else if (what == "metrics") {
    out = encode(random_metrics(seed()), encoding(2));
  } else if (what == "known-metrics") {
    out = encode(known_metrics(), encoding(2));
  } else if (what == "convert") {
    const std::string in(std::istreambuf_iterator<char>(std::cin), {});
    const auto profiles = otlp::decode_profiles(in, encoding(2));
    if (!profiles) {
      std::fprintf(stderr, "%s\n", profiles.error().message.c_str());
      return 1;
    }
    out = encode(*profiles, encoding(3));
  } else {
    std::fprintf(stderr, "usage: otlp_convert profiles|metrics|known-metrics proto|json [SEED], or convert FROM TO\n");
    return 2;
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
}
