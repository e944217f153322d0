// SPDX-License-Identifier: Apache-2.0
//
// What each component's keys become.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/processor/config/given.h"

namespace splitprof {
namespace {

using test::config;
using test::error;
using test::Given;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kEnd = "service: {pipelines: {profiles: {receivers: [profiling], exporters: [debug]}}}\n";

ProfilingReceiverOptions receiver(const std::string& keys) {
  const auto got = config({{"receivers: {profiling: {" + keys + "}}\nexporters: {debug: }\n" + kEnd}});
  return got.receivers.empty() ? ProfilingReceiverOptions{} : std::get<ProfilingReceiverOptions>(got.receivers[0]);
}

// One exporter of `type` with these keys, and with these extensions, of which the first is on.
CollectorConfig with_exporter(const std::string& type, const std::string& keys, const std::string& extensions) {
  const std::string first = extensions.substr(0, extensions.find(':'));
  Given given;
  given.documents = {"receivers: {profiling: }\nexporters: {" + type + ": {" + keys + "}}\nextensions: {" + extensions +
                     "}\nservice: {extensions: [" + first +
                     "], pipelines: {profiles: {receivers: [profiling], exporters: [" + type + "]}}}\n"};
  return config(given);
}
template <typename Options>
Options exporter(const std::string& type, const std::string& keys, const std::string& extensions = "") {
  const auto got = with_exporter(type, keys, extensions);
  return got.exporters.empty() ? Options{} : std::get<Options>(got.exporters[0]);
}
ElasticsearchOptions elasticsearch(const std::string& keys, const std::string& extensions = "") {
  return exporter<ElasticsearchOptions>("elasticsearch/eu", keys, extensions);
}

TEST(Profiling, EveryKeyThatWorksIsRead) {
  const auto got = receiver(
      "samples_per_second: 97, reporter_interval: 2s, reporter_jitter: 0, monitor_interval: 10s, clock_sync_interval: "
      "1m, probabilistic_interval: 2m, probabilistic_threshold: 50, send_error_frames: true, send_idle_frames: true, "
      "filter_min_process_age: 1500ms, include_env_vars: \"A, B\", pin_cpu_ids: \"8,0-2,1\", verbose_mode: true, "
      "no_kernel_version_check: true, interpreters: {python: {disabled: true}, go: {labels: {disabled: true}}}");
  EXPECT_EQ(got.name, "profiling");
  EXPECT_EQ(got.samples_per_second, 97u);
  EXPECT_EQ(got.reporter_interval_ns, 2'000'000'000u);
  EXPECT_EQ(got.reporter_jitter, 0);
  EXPECT_EQ(got.monitor_interval_ns, 10'000'000'000u);
  EXPECT_EQ(got.clock_sync_interval_ns, 60'000'000'000u);
  EXPECT_EQ(got.probabilistic_interval_ns, 120'000'000'000u);
  EXPECT_EQ(got.probabilistic_threshold, 50u);
  EXPECT_TRUE(got.send_error_frames && got.send_idle_frames && got.verbose);
  EXPECT_EQ(got.filter_min_process_age_ns, 1'500'000'000u);
  EXPECT_THAT(got.include_env_vars, ElementsAre("A", "B"));
  EXPECT_THAT(got.cpus, ElementsAre(0, 1, 2, 8));
  EXPECT_FALSE(got.check_kernel_version);
  EXPECT_THAT(got.disabled_interpreters, ElementsAre("python", "go.labels"));
}

TEST(Profiling, TracersSayWhichAreOn) {
  EXPECT_THAT(receiver("tracers: all").disabled_interpreters, IsEmpty());
  EXPECT_THAT(receiver("Tracers: \"python,go,labels,ruby,perl,php,hotspot,v8,dotnet\"").disabled_interpreters,
              ElementsAre("beam", "luajit"));
}

TEST(Profiling, WhatIsNotSupportedMayBeOff) {
  EXPECT_EQ(receiver("off_cpu_threshold: 0, probes: [], obi_process_ctx: false, load_probe: false").samples_per_second,
            20u);
}

TEST(Elasticsearch, EveryKeyThatWorksIsRead) {
  const auto got = elasticsearch(
      "endpoints: [\"https://u:p%40@a:1/x/?pipeline=p\", \"http://b\"], api_key: k, user: v, password: w, timeout: 5s, "
      "compression: none, compression_params: {level: 6}, headers: {X-A: b}, proxy_url: \"http://u:p@proxy:1\", "
      "max_conns_per_host: 3, idle_conn_timeout: 1m, tls: {ca_file: /ca, cert_pem: c, key_file: /k, min_version: "
      "\"1.3\", insecure_skip_verify: true, server_name_override: s, include_system_ca_certs_pool: true}, "
      "sending_queue: {queue_size: 5, num_consumers: 2, block_on_overflow: false, batch: {flush_timeout: 1s, min_size: "
      "1000, max_size: 2000}}, retry: {max_retries: 7, initial_interval: 1s, max_interval: 2s, retry_on_status: [429, "
      "503], retry_on_document_status: [503]}, backlog: {directory: /b, max_size: 2MiB, max_age: 1h}, profiles_schema: "
      "otel, downsampled_events: true, metrics_index: m, keep_process_attributes: true, pipeline: q, "
      "include_source_on_error: false, bulk_response_filter_path: f, suppress_conflict_errors: true, require_setup: "
      "false");
  EXPECT_EQ(got.name, "elasticsearch/eu");
  EXPECT_THAT(got.endpoints, ElementsAre("https://a:1/x", "http://b"));
  EXPECT_EQ(got.query, "pipeline=p");
  EXPECT_EQ(got.http.user, "u");  // the URL's wins
  EXPECT_EQ(got.http.password, "p@");
  EXPECT_EQ(got.http.api_key, "k");
  EXPECT_EQ(got.http.timeout_ns, 5'000'000'000u);
  EXPECT_EQ(got.http.compression, "none");
  EXPECT_EQ(got.http.compression_level, 6);
  EXPECT_THAT(got.http.headers, ElementsAre(Pair("X-A", "b")));
  EXPECT_EQ(got.http.proxy_url, "http://u:p@proxy:1");
  EXPECT_EQ(got.http.max_connections, 3u);
  EXPECT_EQ(got.http.idle_connection_ns, 60'000'000'000u);
  EXPECT_EQ(got.http.tls.ca_file, "/ca");
  EXPECT_EQ(got.http.tls.cert_pem, "c");
  EXPECT_EQ(got.http.tls.key_file, "/k");
  EXPECT_EQ(got.http.tls.min_version, "1.3");
  EXPECT_EQ(got.http.tls.max_version, "");
  EXPECT_TRUE(got.http.tls.insecure_skip_verify && got.http.tls.include_system_ca_certs_pool);
  EXPECT_EQ(got.http.tls.server_name_override, "s");
  EXPECT_EQ(got.queue.queue_size, 5u);
  EXPECT_EQ(got.queue.num_consumers, 2u);
  EXPECT_FALSE(got.queue.block_on_overflow);
  EXPECT_EQ(got.queue.flush_timeout_ns, 1'000'000'000u);
  EXPECT_EQ(got.queue.min_size, 1000u);
  EXPECT_EQ(got.queue.max_size, 2000u);
  EXPECT_EQ(got.retry.max_retries, 7u);
  EXPECT_THAT(got.retry.on_status, ElementsAre(429, 503));
  EXPECT_THAT(got.retry.on_document_status, ElementsAre(503));
  EXPECT_EQ(got.backlog.folder, "/b");
  EXPECT_EQ(got.backlog.max_bytes, 2u << 20);
  EXPECT_EQ(got.backlog.max_age_ns, 3'600'000'000'000u);
  EXPECT_EQ(got.profiles_schema, ElasticsearchOptions::ProfilesSchema::otel);
  EXPECT_TRUE(got.downsampled_events && got.keep_process_attributes && got.suppress_conflict_errors);
  EXPECT_FALSE(got.symbolization_queues);
  EXPECT_EQ(got.metrics_index, "m");
  EXPECT_EQ(got.pipeline, "q");
  EXPECT_EQ(got.include_source_on_error, std::optional(false));
  EXPECT_EQ(got.bulk_response_filter_path, "f");
  EXPECT_FALSE(got.require_setup);
}

TEST(Elasticsearch, DefaultsAreThoseOfTheCollector) {
  const auto got = elasticsearch("endpoint: http://a");
  EXPECT_EQ(got.http.timeout_ns, 90'000'000'000u);
  EXPECT_EQ(got.http.compression, "gzip");
  EXPECT_EQ(got.queue.queue_size, 10u);
  EXPECT_EQ(got.queue.flush_timeout_ns, 10'000'000'000u);
  EXPECT_EQ(got.queue.max_size, 5'000'000u);
  EXPECT_EQ(got.retry.max_retries, 2u);
  EXPECT_THAT(got.retry.on_document_status, ElementsAre(429));
  EXPECT_TRUE(got.symbolization_queues && got.downsampled_events && got.require_setup);
  EXPECT_FALSE(got.include_source_on_error);
}

TEST(Elasticsearch, OlderKeysMeanTheNewerOnes) {
  const auto got = elasticsearch(
      "endpoint: http://a, num_workers: 4, flush: {bytes: 500000, interval: 3s}, retry: {max_requests: 5}");
  EXPECT_EQ(got.queue.num_consumers, 4u);
  EXPECT_EQ(got.queue.max_size, 500'000u);
  EXPECT_EQ(got.queue.min_size, 500'000u);
  EXPECT_EQ(got.queue.flush_timeout_ns, 3'000'000'000u);
  EXPECT_EQ(got.retry.max_retries, 4u);
  EXPECT_EQ(elasticsearch("endpoint: http://a, retry: {max_requests: 1}").retry.max_retries, 0u);
}

TEST(Elasticsearch, ACloudIdIsAUrl) {
  // base64 of "eu-west-1.aws.found.io:9243$abc$def"
  const auto got = elasticsearch("cloudid: \"my:name:ZXUtd2VzdC0xLmF3cy5mb3VuZC5pbzo5MjQzJGFiYyRkZWY=\"");
  EXPECT_THAT(got.endpoints, ElementsAre("https://abc.eu-west-1.aws.found.io:9243"));
}

TEST(Extensions, GiveExportersCredentialsAndFolders) {
  const auto basic = elasticsearch("endpoint: http://a, auth: {authenticator: basicauth/x}",
                                   "basicauth/x: {client_auth: {username: u, password: p}}");
  EXPECT_EQ(basic.http.user, "u");
  EXPECT_EQ(basic.http.password, "p");

  const std::string path = testing::TempDir() + "components_test.token";
  std::ofstream(path) << "from a file\n";
  const auto bearer = elasticsearch("endpoint: http://a, auth: {authenticator: bearertokenauth}",
                                    "bearertokenauth: {token: t, filename: " + path + "}");
  EXPECT_EQ(bearer.http.bearer_token, "from a file");
  const auto scheme = elasticsearch("endpoint: http://a, auth: {authenticator: bearertokenauth}",
                                    "bearertokenauth: {token: t, scheme: S}");
  EXPECT_THAT(scheme.http.headers, ElementsAre(Pair("Authorization", "S t")));

  const auto storage = elasticsearch("endpoint: http://a, sending_queue: {storage: file_storage/q}",
                                     "file_storage/q: {directory: /var/q/}");
  EXPECT_EQ(storage.backlog.folder, "/var/q/elasticsearch_eu");
}

TEST(OtlpHttp, EndpointsAreWhole) {
  const auto both = exporter<OtlpHttpOptions>("otlphttp", "endpoint: http://a:4318/");
  EXPECT_EQ(both.profiles_endpoint, "http://a:4318/v1development/profiles");
  EXPECT_EQ(both.metrics_endpoint, "http://a:4318/v1/metrics");
  EXPECT_EQ(both.http.timeout_ns, 30'000'000'000u);
  EXPECT_EQ(both.queue.queue_size, 1000u);
  EXPECT_THAT(both.retry.on_status, ElementsAre(429, 502, 503, 504));
  EXPECT_EQ(both.retry.max_elapsed_ns, 300'000'000'000u);
  const auto own = exporter<OtlpHttpOptions>(
      "otlp_http/x", "endpoint: http://a, profiles_endpoint: https://b/p, encoding: json, compression: none");
  EXPECT_EQ(own.profiles_endpoint, "https://b/p");
  EXPECT_EQ(own.metrics_endpoint, "http://a/v1/metrics");
  EXPECT_TRUE(own.json);
}

TEST(File, RotationIsAskedForByItsKeyAlone) {
  EXPECT_FALSE(exporter<FileExporterOptions>("file", "path: /x").rotate);
  const auto bare = exporter<FileExporterOptions>("file", "path: /x, rotation: ");
  EXPECT_TRUE(bare.rotate);
  EXPECT_EQ(bare.max_megabytes, 100u);
  const auto got = exporter<FileExporterOptions>(
      "file",
      "path: /x, format: proto, compression: zstd, flush_interval: 2s, rotation: {max_megabytes: 1, max_days: 2, "
      "max_backups: 3, localtime: true}");
  EXPECT_EQ(got.format, FileExporterOptions::Format::proto);
  EXPECT_TRUE(got.zstd && got.local_time);
  EXPECT_EQ(got.max_days, 2u);
  EXPECT_EQ(got.max_backups, 3u);
  EXPECT_EQ(got.flush_interval_ns, 2'000'000'000u);
  EXPECT_TRUE(exporter<FileExporterOptions>("file", "path: /x, format: folded").append);
}

TEST(Receivers, OfOtlpAndFiles) {
  const auto got =
      config({{"receivers: {otlp: {protocols: {http: {endpoint: \"[::1]:0\", max_request_body_size: 4096}}}, "
               "otlpjsonfile: {include: [/a/*], exclude: [/a/b], start_at: end, poll_interval: 1s}}\n"
               "exporters: {debug: {verbosity: detailed}}\n"
               "service: {pipelines: {profiles: {receivers: [otlp, otlpjsonfile], exporters: [debug]}}}"}});
  ASSERT_EQ(got.receivers.size(), 2u);
  const auto& otlp = std::get<OtlpReceiverOptions>(got.receivers[0]);
  EXPECT_EQ(otlp.host, "::1");
  EXPECT_EQ(otlp.port, 0);
  EXPECT_EQ(otlp.max_request_bytes, 4096u);
  const auto& files = std::get<OtlpJsonFileOptions>(got.receivers[1]);
  EXPECT_THAT(files.include, ElementsAre("/a/*"));
  EXPECT_THAT(files.exclude, ElementsAre("/a/b"));
  EXPECT_FALSE(files.start_at_beginning);
  EXPECT_EQ(std::get<DebugExporterOptions>(got.exporters[0]).verbosity, DebugExporterOptions::Verbosity::detailed);
}

TEST(ProfilingMetrics, EveryKeyIsRead) {
  const auto got =
      config({{"receivers: {profiling: }\nexporters: {debug: }\n"
               "connectors: {profilingmetrics: {flush_interval: -1s, metrics: {samples.go.count: {enabled: "
               "false}, samples.frame_type: {enabled: true, aggregation_strategy: max, attributes: []}}, "
               "aggregations: [{match: \"(?<n>a)\", label: l}]}}\n"
               "service: {pipelines: {profiles: {receivers: [profiling], exporters: [profilingmetrics]}, "
               "metrics: {receivers: [profilingmetrics], exporters: [debug]}}}"}});
  ASSERT_EQ(got.connectors.size(), 1u);
  const auto& connector = got.connectors[0];
  EXPECT_EQ(connector.flush_interval_ns, -1'000'000'000);
  EXPECT_FALSE(connector.enabled[ProfilingMetricsOptions::go]);
  EXPECT_TRUE(connector.enabled[ProfilingMetricsOptions::frame_type]);
  EXPECT_EQ(connector.frame_type_gauge.strategy, ProfilingMetricsOptions::Strategy::max);
  EXPECT_THAT(connector.frame_type_gauge.attributes, testing::Optional(IsEmpty()));
  EXPECT_FALSE(connector.classification_gauge.attributes);
  ASSERT_EQ(connector.aggregations.size(), 1u);
  EXPECT_EQ(connector.aggregations[0].match, "(?<n>a)");
}

TEST(Telemetry, HasALevelAndAnAddress) {
  const auto with = [](const std::string& telemetry) {
    return config({{"receivers: {profiling: }\nexporters: {debug: }\nservice: {telemetry: {" + telemetry +
                    "}, pipelines: {profiles: {receivers: [profiling], exporters: [debug]}}}"}})
        .telemetry;
  };
  EXPECT_EQ(with("").port, 8888);
  EXPECT_EQ(with("").log_level, "");
  EXPECT_EQ(with("logs: {level: DEBUG}").log_level, "debug");
  EXPECT_FALSE(with("metrics: {level: none}").enabled);
  EXPECT_EQ(with("metrics: {address: \":9999\"}").port, 9999);
  const auto reader = with("metrics: {readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 1}}}}]}");
  EXPECT_EQ(reader.host, "0.0.0.0");
  EXPECT_EQ(reader.port, 1);
}

}  // namespace
}  // namespace splitprof
