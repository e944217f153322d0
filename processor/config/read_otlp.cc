// SPDX-License-Identifier: Apache-2.0
//
// What speaks OTLP: receivers otlp and otlpjsonfile, exporters otlphttp, file and debug. Keys and defaults are the
// collector's (receiver/otlpreceiver, exporter/otlphttpexporter, exporter/debugexporter of opentelemetry-collector at
// 934999fb; receiver/otlpjsonfilereceiver and exporter/fileexporter of opentelemetry-collector-contrib).
#include "processor/config/reading.h"
#include "processor/config/url.h"

namespace splitprof::config {
namespace {

constexpr int64_t kMaxNs = INT64_MAX;
constexpr const char* kNoSuchSignal = "there are no logs and traces here";

void check_absolute(Section& section, const char* key, const std::string& path) {
  if (!path.empty() && !path.starts_with('/'))
    section.error(key, "{}: \"{}\" has to be absolute: a path from /", key, shown(path));
}

// A whole URL for one signal, or the common one with the signal's path.
std::string signal_url(Section& section, const char* key, const std::string& endpoint, const char* path) {
  std::string url;
  section.text(key, url);
  const bool own = !url.empty();
  if (!own && endpoint.empty()) return {};
  const auto parsed = parse_url(own ? url : endpoint);
  const char* where = own ? key : "endpoint";
  if (!parsed || (parsed->scheme != "http" && parsed->scheme != "https")) {
    section.error(where, "invalid endpoint \"{}\": {}", shown_url(own ? url : endpoint),
                  parsed ? "scheme has to be http or https" : "it " + parsed.error().message);
    return {};
  }
  if (!parsed->user.empty() || !parsed->query.empty())
    section.error(where, "{} may hold no user, password or query; there are auth and headers for that", where);
  return parsed->endpoint() + (own ? "" : path);
}

void read_retry_on_failure(Section retry, RetryOptions& options) {
  options.initial_interval_ns = 5'000'000'000;
  options.max_interval_ns = 30'000'000'000;
  options.max_elapsed_ns = 300'000'000'000;
  options.max_retries = UINT32_MAX;
  // OTLP specification, "OTLP/HTTP Response", retryable.
  options.on_status = {429, 502, 503, 504};
  options.on_document_status.clear();
  retry.flag("enabled", options.enabled);
  retry.duration("initial_interval", 1'000'000, kMaxNs, options.initial_interval_ns);
  retry.duration("max_interval", 1'000'000, kMaxNs, options.max_interval_ns);
  retry.duration("max_elapsed_time", 0, kMaxNs, options.max_elapsed_ns);
  if (options.max_interval_ns < options.initial_interval_ns)
    retry.error("max_interval", "max_interval is below initial_interval");
  if (options.max_elapsed_ns > 0 && options.max_elapsed_ns < options.initial_interval_ns)
    retry.error("max_elapsed_time", "max_elapsed_time is below initial_interval");
  retry.ignore({"multiplier", "randomization_factor"}, "each wait is about twice the one before");
}

}  // namespace

OtlpReceiverOptions read_otlp_receiver(Section& section, Reading&) {
  OtlpReceiverOptions options;
  Section protocols = section.section("protocols");
  if (const auto* grpc = protocols.anything_or_null("grpc"))
    protocols.problems().error(grpc->place, "{}: not supported: gRPC; remove it and send to protocols.http, port 4318",
                               protocols.path("grpc"));
  else if (!protocols.anything_or_null("http"))
    protocols.error("http", "must specify at least one protocol when using the OTLP receiver: http");

  Section http = protocols.section("http");
  std::string endpoint = "localhost:4318";
  http.text("endpoint", endpoint);
  if (const auto address = parse_address(endpoint)) {
    options.host = address->host;
    options.port = address->port;
  } else {
    http.error("endpoint", "endpoint {}, not \"{}\"", address.error().message, shown(endpoint));
  }
  size_t transport = 0;
  http.choice("transport", {"tcp"}, transport);
  http.number("max_request_body_size", 1024, 1 << 30, options.max_request_bytes);
  http.refuse({"tls", "auth", "cors", "middlewares", "response_headers"}, "not supported");
  http.ignore({"include_metadata", "compression_algorithms", "read_timeout", "read_header_timeout", "write_timeout",
               "idle_timeout", "keep_alives_enabled", "dialer"},
              "fixed here");
  http.ignore({"traces_url_path", "metrics_url_path", "logs_url_path"}, "only profiles are received");
  return options;
}

OtlpJsonFileOptions read_otlp_json_file(Section& section, Reading&) {
  OtlpJsonFileOptions options;
  section.texts("include", options.include);
  section.texts("exclude", options.exclude);
  if (options.include.empty()) section.error("include", "include has to name at least one file or glob");
  for (const auto& glob : options.include) check_absolute(section, "include", glob);
  for (const auto& glob : options.exclude) check_absolute(section, "exclude", glob);
  size_t start = 0;
  section.choice("start_at", {"beginning", "end"}, start);
  options.start_at_beginning = start == 0;
  section.duration("poll_interval", 1'000'000, kMaxNs, options.poll_interval_ns);
  section.flag("replay_file", options.replay_file);
  if (options.replay_file && start == 1)
    section.error("replay_file", "replay_file reads whole files; start_at: end has no place there");
  return options;
}

OtlpHttpOptions read_otlp_http(Section& section, Reading& reading, const std::string& name) {
  OtlpHttpOptions options;
  options.name = name;
  std::string endpoint;
  section.text("endpoint", endpoint);
  options.profiles_endpoint = signal_url(section, "profiles_endpoint", endpoint, "/v1development/profiles");
  options.metrics_endpoint = signal_url(section, "metrics_endpoint", endpoint, "/v1/metrics");
  if (!section.has("endpoint") && !section.has("profiles_endpoint") && !section.has("metrics_endpoint"))
    section.error("endpoint", "at least one endpoint must be specified");
  section.ignore({"traces_endpoint", "logs_endpoint"}, kNoSuchSignal);
  size_t encoding = 0;
  section.choice("encoding", {"proto", "json"}, encoding);
  options.json = encoding == 1;

  options.http.timeout_ns = 30'000'000'000;
  read_http_client(section, reading, options.http);
  options.queue.queue_size = 1000;
  options.queue.block_on_overflow = false;
  options.queue.flush_timeout_ns = options.queue.min_size = options.queue.max_size = 0;
  read_sending(section, reading, name, Batches::none, options.queue, options.backlog);
  read_retry_on_failure(section.section("retry_on_failure"), options.retry);
  return options;
}

FileExporterOptions read_file_exporter(Section& section, Reading&) {
  FileExporterOptions options;
  section.text("path", options.path);
  if (options.path.empty()) section.error("path", "path must be non-empty");
  check_absolute(section, "path", options.path);
  section.choice("format", {"json", "proto", "folded"}, options.format);
  // Folded stacks add up, so a file of them is always gone on with.
  const bool folded = options.format == FileExporterOptions::Format::folded;
  options.append = folded;
  section.flag("append", options.append);
  if (folded && !options.append) section.error("append", "a file of folded stacks is always appended to");

  size_t compression = 0;
  section.choice("compression", {"none", "zstd"}, compression);
  options.zstd = compression == 1;
  if (folded && options.zstd) section.error("compression", "a file of folded stacks is not compressed");
  section.duration("flush_interval", 1'000'000, kMaxNs, options.flush_interval_ns);

  options.rotate = section.anything_or_null("rotation") != nullptr;
  Section rotation = section.section("rotation");
  rotation.number("max_megabytes", 1, 1'000'000, options.max_megabytes);
  rotation.number("max_days", 0, 100'000, options.max_days);
  rotation.number("max_backups", 0, 100'000, options.max_backups);
  rotation.flag("localtime", options.local_time);
  if (options.rotate && options.append)
    section.error("rotation", "{}",
                  folded ? "a file of folded stacks is not rotated; truncate it in place"
                         : "append and rotation enabled at the same time is not supported");
  if (options.append && options.zstd)
    section.error("compression", "append and compression enabled at the same time is not supported");
  section.refuse({"group_by", "encoding", "create_directory", "directory_permissions"}, "not supported");
  return options;
}

DebugExporterOptions read_debug(Section& section, Reading&) {
  DebugExporterOptions options;
  section.choice("verbosity", {"basic", "normal", "detailed"}, options.verbosity);
  section.ignore({"sampling_initial", "sampling_thereafter"}, "nothing is left out");
  section.ignore("use_internal_logger", "it writes to the log");
  section.refuse("output_paths", "not supported: it writes to the log");
  section.ignore("sending_queue", "it does not wait for anything");
  return options;
}

}  // namespace splitprof::config
