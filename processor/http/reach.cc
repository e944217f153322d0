// SPDX-License-Identifier: Apache-2.0
#include "processor/http/reach.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "processor/http/tls.h"

namespace splitprof::http {
namespace {

constexpr uint16_t kNameServerPort = 53;  // by TCP when an answer is too long for UDP

std::string from_environment(const char* upper, const char* lower) {
  for (const char* name : {upper, lower})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return {};
}

Result<std::string> part_of(const std::string& url, CURLUPart part) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  // Schemes beyond libcurl's own are for check_proxy to judge.
  constexpr unsigned kAnyScheme = CURLU_NON_SUPPORT_SCHEME | CURLU_DEFAULT_SCHEME;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), kAnyScheme) != CURLUE_OK)
    return fail(Errc::malformed, "not a URL");
  char* text = nullptr;
  if (curl_url_get(parsed.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return std::string();
  std::string copy = text;
  curl_free(text);
  return copy;
}

// No message shows the URL: there may be a password in it.
Result<> check_proxy(const std::string& url, const char* whose) {
  if (url.empty()) return Ok{};
  const auto scheme = part_of(url, CURLUPART_SCHEME);
  if (!scheme || scheme->empty()) return fail(Errc::malformed, "{}: not a URL", whose);
  for (const char* known : {"http", "https", "socks5", "socks5h"})
    if (*scheme == known) return Ok{};
  return fail(Errc::unsupported, "{}: scheme {} is none of http, https, socks5, socks5h", whose, *scheme);
}

Result<uint16_t> port_of(const std::string& url) {
  const auto text = TRY(part_of(url, CURLUPART_PORT));
  uint16_t port = 1080;  // of a SOCKS proxy that names none: libcurl's default (CURLOPT_PROXY)
  if (!text.empty() && std::from_chars(text.data(), text.data() + text.size(), port).ec != std::errc())
    return fail(Errc::malformed, "not a port");
  return port;
}

}  // namespace

std::vector<std::string> readable_paths(const HttpOptions& options) {
  // The folder, not resolv.conf in it: that one is replaced by another file when addresses of name servers change.
  std::vector<std::string> paths{"/etc"};
  if (char* real = realpath("/etc/resolv.conf", nullptr); real != nullptr) {
    const std::string folder(real, strrchr(real, '/'));
    std::free(real);
    if (!folder.starts_with("/etc") && !folder.empty()) paths.push_back(folder);
  }
  const bool own_authorities = !options.tls.ca_file.empty() || !options.tls.ca_pem.empty();
  if (!own_authorities || options.tls.include_system_ca_certs_pool)
    if (const auto file = system_authorities_file(); !file.empty()) paths.push_back(file);
  return paths;
}

Result<std::vector<uint16_t>> ports(const HttpOptions& options, const std::vector<std::string>& urls) {
  std::vector<uint16_t> found{kNameServerPort};
  auto targets = urls;
  const auto through = TRY(proxies(options));
  for (const auto& proxy : {through.for_http, through.for_https})
    if (!proxy.empty()) targets.push_back(proxy);
  for (const auto& url : targets) {
    const auto port = TRY(port_of(url));
    if (std::find(found.begin(), found.end(), port) == found.end()) found.push_back(port);
  }
  return found;
}

void preload_name_resolution() {
  std::ifstream file("/etc/nsswitch.conf");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("hosts:")) continue;
    std::istringstream words(line.substr(6));
    for (std::string word; words >> word && !word.starts_with('#');)
      if (word.find_first_of("[]=/") == std::string::npos)
        dlopen(("libnss_" + word + ".so.2").c_str(), RTLD_NOW);  // kept for ever; a missing one is skipped, as in libc
  }
}

Result<Proxies> proxies(const HttpOptions& options) {
  if (!options.proxy_url.empty()) {
    TRY(check_proxy(options.proxy_url, "proxy_url"));
    return Proxies{.for_http = options.proxy_url, .for_https = options.proxy_url};
  }
  Proxies found{.for_http = from_environment("HTTP_PROXY", "http_proxy"),
                .for_https = from_environment("HTTPS_PROXY", "https_proxy"),
                .none_for = from_environment("NO_PROXY", "no_proxy")};
  TRY(check_proxy(found.for_http, "environment variable HTTP_PROXY"));
  TRY(check_proxy(found.for_https, "environment variable HTTPS_PROXY"));
  // Of this host itself: never by a proxy, as in Go (golang.org/x/net/http/httpproxy).
  if (found.none_for != "*")
    found.none_for = "localhost,127.0.0.1,::1" + (found.none_for.empty() ? "" : "," + found.none_for);
  return found;
}

}  // namespace splitprof::http
