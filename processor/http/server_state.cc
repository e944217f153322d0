// SPDX-License-Identifier: Apache-2.0
#include "processor/http/server_state.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <cstring>

#include "shared/check.h"

namespace splitprof::http {
namespace {

#if defined(__x86_64__)
constexpr const char* kArchitecture = "amd64";
#else
constexpr const char* kArchitecture = "arm64";
#endif
constexpr const char* kUserAgent = "splitprof/" SPLITPROF_VERSION " (linux/";

// RFC 9110, section 5.6.2: what a name may hold besides letters and digits.
bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != nullptr);
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool equal_names(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

// The user and password of a proxy's URL, as written there; empty: none.
std::string user_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('/'));
  const auto at = url.rfind('@');
  return std::string(at == std::string_view::npos ? std::string_view() : url.substr(0, at));
}

}  // namespace

Library::Library() {
  // Safe from any thread, and counted, since libcurl 7.84.
  CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK);
}
Library::~Library() {
  curl_global_cleanup();
}

bool ServerState::has_header(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(), [&](const std::string& line) {
    return equal_names(std::string_view(line).substr(0, line.find(':')), name);
  });
}

std::string ServerState::redacted(std::string text) const {
  for (const auto& secret : secrets)
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;)
      text.replace(at, secret.size(), "[REDACTED]");
  return text;
}

Server::Server(std::unique_ptr<ServerState> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::prepare(const HttpOptions& options) {
  auto state = std::make_unique<ServerState>();
  state->tls = TRY(Tls::prepare(options.tls));
  state->proxies = TRY(http::proxies(options));
  state->identity = fmt::format("/nonexistent/{}", static_cast<const void*>(state.get()));
  state->server_name_override = options.tls.server_name_override;
  state->timeout_ns = options.timeout_ns;
  state->idle_connection_ns = options.idle_connection_ns;
  state->max_connections = options.max_connections;
  for (const auto& [name, value] : options.headers) {
    if (!is_name(name)) return fail(Errc::malformed, "headers: \"{}\" is not the name of a header", name);
    if (!is_value(value)) return fail(Errc::malformed, "headers: the value of {} has a line break in it", name);
    // "Name;" is how libcurl is told to send a header without a value.
    state->headers.push_back(value.empty() ? name + ";" : name + ": " + value);
    state->secrets.push_back(value);
  }
  const auto add = [&](const char* name, const std::string& value) {
    if (!state->has_header(name)) state->headers.push_back(std::string(name) + ": " + value);
  };
  std::string credentials;
  if (!options.user.empty() || !options.password.empty())
    credentials = "Basic " + base64(options.user + ":" + options.password);
  if (!options.bearer_token.empty()) credentials = "Bearer " + options.bearer_token;
  if (!options.api_key.empty()) credentials = "ApiKey " + options.api_key;
  if (!is_value(credentials)) return fail(Errc::malformed, "api_key or token: there is a line break in it");
  if (!credentials.empty()) add("Authorization", credentials);
  add("User-Agent", std::string(kUserAgent) + kArchitecture + ")");
  for (const auto& secret : {options.password, options.api_key, options.bearer_token, credentials,
                             user_of(state->proxies.for_http), user_of(state->proxies.for_https)})
    state->secrets.push_back(secret);
  // Shorter ones would redact ordinary words; they are in no message of libcurl's anyway.
  std::erase_if(state->secrets, [](const std::string& secret) { return secret.size() < 4; });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

}  // namespace splitprof::http
