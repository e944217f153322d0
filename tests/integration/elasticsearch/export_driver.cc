// SPDX-License-Identifier: Apache-2.0
//
// Runs the elasticsearch exporter against a server for a while, with made-up samples: export_driver OPTIONS.json.
// Prints one line of JSON at its end: the exporter's counters, whether it was healthy, how long stopping took. Its
// options are those of the functions below; what is not named keeps its default.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "processor/elasticsearch/exporter.h"
#include "tests/processor/elasticsearch/build_profiles.h"

namespace splitprof {
namespace {

using nlohmann::json;

constexpr uint64_t kMillisecondNs = 1'000'000;

template <typename T>
void read(const json& in, const char* key, T& into) {
  if (const auto found = in.find(key); found != in.end()) found->get_to(into);
}
void read_ms(const json& in, const char* key, uint64_t& into_ns) {
  if (const auto found = in.find(key); found != in.end()) into_ns = found->get<uint64_t>() * kMillisecondNs;
}

ElasticsearchOptions read_options(const json& in) {
  ElasticsearchOptions options;
  options.name = "elasticsearch";
  read(in, "endpoints", options.endpoints);
  read(in, "user", options.http.user);
  read(in, "password", options.http.password);
  read(in, "api_key", options.http.api_key);
  read(in, "headers", options.http.headers);
  read(in, "proxy_url", options.http.proxy_url);
  read(in, "compression", options.http.compression);
  read_ms(in, "timeout_ms", options.http.timeout_ns);
  const auto tls = in.value("tls", json::object());
  read(tls, "ca_file", options.http.tls.ca_file);
  read(tls, "cert_file", options.http.tls.cert_file);
  read(tls, "key_file", options.http.tls.key_file);
  read(tls, "insecure_skip_verify", options.http.tls.insecure_skip_verify);
  read(tls, "server_name_override", options.http.tls.server_name_override);
  read(tls, "min_version", options.http.tls.min_version);
  read(in, "max_retries", options.retry.max_retries);
  read_ms(in, "initial_interval_ms", options.retry.initial_interval_ns);
  read_ms(in, "max_interval_ms", options.retry.max_interval_ns);
  read_ms(in, "flush_timeout_ms", options.queue.flush_timeout_ns);
  read(in, "min_size", options.queue.min_size);
  read(in, "max_size", options.queue.max_size);
  read(in, "num_consumers", options.queue.num_consumers);
  read(in, "backlog", options.backlog.folder);
  read(in, "require_setup", options.require_setup);
  read(in, "downsampled_events", options.downsampled_events);
  if (in.value("schema", "ecs") == "otel") options.profiles_schema = ElasticsearchOptions::ProfilesSchema::otel;
  return options;
}

Times now() {
  const auto ns = [](auto clock) {
    return static_cast<uint64_t>(std::chrono::nanoseconds(clock.time_since_epoch()).count());
  };
  return {ns(std::chrono::steady_clock::now()), ns(std::chrono::system_clock::now())};
}

// `samples` of 50 stacks; some of their frames are the same.
otel::Profiles make_profiles(uint64_t samples, uint64_t unix_ns) {
  test::ProfilesBuilder builder;
  const auto library = builder.mapping("/usr/lib/libexample.so.1", "00112233445566778899aabbccddeeff");
  std::vector<int32_t> stacks;
  for (int64_t i = 0; i < 50; ++i) {
    const auto name = "function_" + std::to_string(i);
    stacks.push_back(builder.stack({builder.location("native", library, 0x1000 + static_cast<uint64_t>(i)),
                                    builder.location("cpython", 0, 0, {{name, "app/server.py", i + 1, 0}}),
                                    builder.location("cpython", 0, 0, {{"main", "app/server.py", 7, 0}})}));
  }
  builder.resource({{"host.id", {std::string("5f0c1d2e3b4a59687766554433221100")}},
                    {"host.name", {std::string("node-7")}},
                    {"service.name", {std::string("checkout")}}});
  auto& profile = builder.profile(19);
  const auto thread = builder.text_attribute(otel::key::kThreadName, "worker-3");
  for (uint64_t i = 0; i < samples; ++i)
    test::ProfilesBuilder::sample(profile, stacks[i % stacks.size()], {unix_ns + i}, {thread});
  return std::move(builder.batch);
}

otel::Metrics make_metrics(uint64_t unix_ns) {
  otel::ScopeMetrics scope{
      .scope = {.name = "github.com/elastic/opentelemetry-collector-components/connector/profilingmetricsconnector",
                .version = "0.1.0"}};
  for (const char* name : {"samples.user.count", "samples.cpython.count"}) {
    otel::Metric metric{.name = name, .unit = "1", .kind = otel::Metric::Kind::delta_sum};
    metric.points.push_back({.start_time_ns = unix_ns - 1, .time_ns = unix_ns, .value = 42});
    scope.metrics.push_back(std::move(metric));
  }
  otel::Metrics metrics;
  metrics.resources.push_back({.resource = {{{"host.name", {std::string("node-7")}}}, 0}, .scopes = {scope}});
  return metrics;
}

int run(const json& in) {
  http::Client client;
  auto made = elasticsearch::ElasticsearchExporter::make(read_options(in), client, now(), in.value("seed", 1));
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  auto& exporter = **made;
  const auto work_until = [&](uint64_t end_ns, const auto& enough) {
    while (now().monotonic_ns < end_ns && !enough()) {
      exporter.tick(now());
      client.run(5 * kMillisecondNs);
    }
  };
  const auto never = [] { return false; };
  for (uint64_t batch = 0; batch < in.value("batches", uint64_t{1}); ++batch) {
    exporter.consume(make_profiles(in.value("samples", uint64_t{100}), now().unix_ns));
    if (in.value("metrics", false)) exporter.consume(make_metrics(now().unix_ns));
    work_until(now().monotonic_ns + in.value("interval_ms", uint64_t{20}) * kMillisecondNs, never);
  }
  const auto metric = [&](std::string_view name) -> uint64_t {
    for (const auto& one : exporter.metrics())
      if (one.name == name) return one.value;
    return 0;
  };
  // Everything has become of something, or time is over.
  work_until(now().monotonic_ns + in.value("linger_ms", uint64_t{0}) * kMillisecondNs, [&] {
    return metric("items_encoded") > 0 && metric("samples_waiting") == 0 &&
           metric("items_encoded") == metric("items_delivered") + metric("items_refused") + metric("items_given_up");
  });
  json out = {{"healthy", exporter.healthy()}};
  const auto stopped_ns = now().monotonic_ns;
  exporter.stop(now(), stopped_ns + in.value("stop_ms", uint64_t{5000}) * kMillisecondNs);
  work_until(stopped_ns + 60'000 * kMillisecondNs, [&] { return exporter.finished(); });
  out["finished"] = exporter.finished();
  out["stopping_ms"] = (now().monotonic_ns - stopped_ns) / kMillisecondNs;
  for (const auto& one : exporter.metrics()) out[std::string(one.name)] = one.value;
  std::cout << out << std::endl;
  return 0;
}

}  // namespace
}  // namespace splitprof

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: export_driver OPTIONS.json\n");
    return 2;
  }
  std::ifstream file(arguments[1]);
  return splitprof::run(nlohmann::json::parse(file));
}
