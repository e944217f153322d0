// SPDX-License-Identifier: Apache-2.0
//
// The keys that exporters over HTTP have in common: the collector's client (confighttp), TLS (configtls), queue
// (exporterhelper), authentication (configauth), and the backlog, which is ours.
#include <algorithm>
#include <cctype>

#include "processor/config/reading.h"
#include "processor/config/url.h"

namespace splitprof::config {
namespace {

constexpr int64_t kMaxNs = INT64_MAX;
constexpr const char* kByLibcurl = "libcurl decides";

bool is_header_name(std::string_view name) {  // RFC 9110, token
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

void add_header(Section& section, Place place, const std::string& name, const Value& value, HttpOptions& http) {
  const bool one_line = std::none_of(value.text.begin(), value.text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
  if (!is_header_name(name))
    section.problems().error(place, "{}.headers: \"{}\" is no name of a header", section.where(), shown(name));
  else if (value.kind == Value::Kind::list || value.kind == Value::Kind::map || !one_line)
    section.problems().error(place, "{}.headers.{} has to be a single line", section.where(), name);
  else
    http.headers.emplace_back(name, value.text);
}

// A map, or as newer collectors take it too a list of name and value.
void read_headers(Section& section, HttpOptions& http) {
  const auto* headers = section.anything("headers");
  if (!headers) return;
  http.headers.clear();
  if (headers->kind == Value::Kind::scalar) section.error("headers", "headers has to be a map");
  for (const auto& entry : headers->entries) add_header(section, entry.place, entry.key, entry.value, http);
  for (const auto& item : headers->items) {
    const auto* name = item.find("name");
    const auto* value = item.find("value");
    if (item.entries.size() != 2 || !name || !value)
      section.problems().error(item.place, "{}.headers: an item of the list has name and value", section.where());
    else
      add_header(section, item.place, name->value.text, value->value, http);
  }
}

// Which of two spellings of a pair stands; the rules are configtls's.
void check_pair(Section& tls, const char* what, const std::string& file, const std::string& pem, const char* file_key) {
  if (!file.empty() && !pem.empty()) tls.error(file_key, "{} comes from a file or as PEM, not both", what);
}

void read_tls(Section tls, TlsOptions& options) {
  tls.text("ca_file", options.ca_file);
  tls.text("ca_pem", options.ca_pem);
  tls.text("cert_file", options.cert_file);
  tls.text("cert_pem", options.cert_pem);
  tls.text("key_file", options.key_file);
  tls.text("key_pem", options.key_pem);
  check_pair(tls, "the CA", options.ca_file, options.ca_pem, "ca_file");
  check_pair(tls, "the certificate", options.cert_file, options.cert_pem, "cert_file");
  check_pair(tls, "the key", options.key_file, options.key_pem, "key_file");
  const bool has_certificate = !options.cert_file.empty() || !options.cert_pem.empty();
  const bool has_key = !options.key_file.empty() || !options.key_pem.empty();
  if (has_certificate != has_key)
    tls.error(has_certificate ? "cert_file" : "key_file", "a certificate and its key come as a pair");

  tls.flag("include_system_ca_certs_pool", options.include_system_ca_certs_pool);
  tls.flag("insecure_skip_verify", options.insecure_skip_verify);
  tls.text("server_name_override", options.server_name_override);
  size_t min = 2, max = 3;  // 1.2, 1.3
  tls.choice("min_version", {"1.0", "1.1", "1.2", "1.3"}, min);
  tls.choice("max_version", {"1.0", "1.1", "1.2", "1.3"}, max);
  if (min > max) tls.error("min_version", "min_version is above max_version");
  tls.text("min_version", options.min_version);
  tls.text("max_version", options.max_version);
  bool insecure = false;
  tls.flag("insecure", insecure);  // of HTTP the URL's scheme decides, as in the collector
  tls.ignore("reload_interval", "certificates are read once, at start: the processor opens no files later");
  tls.refuse({"cipher_suites", "curve_preferences", "include_insecure_cipher_suites", "tpm"},
             "not supported; OpenSSL's configuration of this machine decides");
}

void read_authenticator(Section& section, Reading& reading, HttpOptions& http) {
  Section auth = section.section("auth");
  std::string name;
  auth.text("authenticator", name);
  if (name.empty()) return;
  const auto found = reading.authenticators.find(name);
  if (found == reading.authenticators.end()) {
    auth.error("authenticator", "\"{}\" is {}", shown(name),
               reading.idle_extensions.contains(name) ? "defined, but not in service.extensions"
                                                      : "no basicauth or bearertokenauth extension");
    return;
  }
  const auto& authenticator = found->second;
  if (authenticator.kind == Authenticator::Kind::basic) {
    http.user = authenticator.user;
    http.password = authenticator.password;
  } else if (authenticator.scheme == "Bearer") {
    http.bearer_token = authenticator.token;
  } else {
    http.headers.emplace_back("Authorization", authenticator.scheme + " " + authenticator.token);
  }
}

void read_compression(Section& section, HttpOptions& http) {
  size_t kind = http.compression == "gzip" ? 0 : 1;
  std::string name;
  section.text("compression", name);
  if (name.empty() && section.has("compression")) kind = 1;
  if (!name.empty()) section.choice("compression", {"gzip", "none"}, kind);
  http.compression = kind == 0 ? "gzip" : "none";
  Section parameters = section.section("compression_params");
  parameters.number("level", 1, 9, http.compression_level);
}

}  // namespace

void read_http_client(Section& section, Reading& reading, HttpOptions& http) {
  read_headers(section, http);
  read_tls(section.section("tls"), http.tls);
  read_authenticator(section, reading, http);
  read_compression(section, http);
  section.duration("timeout", 0, kMaxNs, http.timeout_ns);
  section.text("proxy_url", http.proxy_url);
  if (!http.proxy_url.empty()) {
    const auto proxy = parse_url(http.proxy_url);
    const bool known = proxy && (proxy->scheme == "http" || proxy->scheme == "https" || proxy->scheme == "socks5" ||
                                 proxy->scheme == "socks5h");
    if (!known) section.error("proxy_url", "proxy_url has to be a URL of scheme http, https or socks5");
  }
  section.number("max_conns_per_host", 0, 65'535, http.max_connections);
  section.duration("idle_conn_timeout", 0, kMaxNs, http.idle_connection_ns);
  section.ignore({"read_buffer_size", "write_buffer_size", "max_idle_conns", "max_idle_conns_per_host",
                  "http2_read_idle_timeout", "http2_ping_timeout", "force_attempt_http2", "disable_keep_alives"},
                 kByLibcurl);
  section.refuse({"cookies", "middlewares"}, "not supported");
}

namespace {

void read_batch(Section batch, QueueOptions& queue) {
  size_t sizer = 0;
  batch.choice("sizer", {"bytes"}, sizer);
  batch.duration("flush_timeout", 1, kMaxNs, queue.flush_timeout_ns);
  const bool has_min = batch.has("min_size"), has_max = batch.has("max_size");
  batch.number("min_size", 0, kMaxBodyBytes, queue.min_size);
  batch.number("max_size", 1000, kMaxBodyBytes, queue.max_size);
  if (queue.min_size > queue.max_size) {
    if (has_min && has_max) batch.error("max_size", "max_size is below min_size");
    if (has_max) queue.min_size = queue.max_size;
    if (!has_max) queue.max_size = queue.min_size;
  }
  batch.ignore("partition", "what is sent here has no client metadata");
}

// sending_queue.storage: the folder of a file_storage extension, in which each exporter has its own.
std::string storage_folder(Section& sending, Reading& reading, const std::string& exporter) {
  std::string storage;
  sending.text("storage", storage);
  if (storage.empty()) return {};
  const auto found = reading.storages.find(storage);
  if (found == reading.storages.end()) {
    sending.error("storage", "\"{}\" is {}", shown(storage),
                  reading.idle_extensions.contains(storage) ? "defined, but not in service.extensions"
                                                            : "no file_storage extension");
    return {};
  }
  std::string name = exporter;
  std::replace(name.begin(), name.end(), '/', '_');
  return found->second + "/" + name;
}

void read_backlog(Section backlog, const std::string& storage, BacklogOptions& options) {
  backlog.flag("enabled", options.enabled);
  backlog.text("directory", options.folder);
  if (!options.folder.empty() && !options.folder.starts_with('/'))
    backlog.error("directory", "directory has to be absolute: a path from /");
  if (!options.folder.empty() && !storage.empty())
    backlog.error("directory", "sending_queue.storage says where, too; keep one");
  if (options.folder.empty()) options.folder = storage;
  backlog.size("max_size", 1 << 20, int64_t{1} << 44, options.max_bytes);
  backlog.duration("max_age", 60'000'000'000, kMaxNs, options.max_age_ns);
}

}  // namespace

void read_sending(Section& section, Reading& reading, const std::string& exporter, Batches batches, QueueOptions& queue,
                  BacklogOptions& backlog) {
  std::string storage;
  {
    Section sending = section.section("sending_queue");
    sending.flag("enabled", queue.enabled);
    sending.number("queue_size", 1, UINT32_MAX, queue.queue_size);
    sending.number("num_consumers", 1, 1000, queue.num_consumers);
    sending.flag("block_on_overflow", queue.block_on_overflow);
    size_t sizer = 0;
    sending.choice("sizer", {"requests"}, sizer);
    sending.refuse("wait_for_result", "not supported: nothing here waits for an exporter");
    if (batches == Batches::none)
      sending.ignore("batch", "each batch of the pipeline is one request");
    else
      read_batch(sending.section("batch"), queue);
    storage = storage_folder(sending, reading, exporter);
  }
  read_backlog(section.section("backlog"), storage, backlog);
}

}  // namespace splitprof::config
