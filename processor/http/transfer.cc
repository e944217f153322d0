// SPDX-License-Identifier: Apache-2.0
#include "processor/http/transfer.h"

#include <strings.h>

#include <algorithm>
#include <memory>

#include "shared/check.h"

namespace splitprof::http {
namespace {

constexpr long kConnectTimeoutMs = 30'000;  // as Go's net/http waits (DefaultTransport)
constexpr size_t kMaxHeaderBytes = 1u << 20;
constexpr size_t kMaxHeaderValueBytes = 256;  // of those that are kept
constexpr uint64_t kMillisecondNs = 1'000'000, kSecondNs = 1'000'000'000;

CURLcode on_tls(CURL*, void* context, void* tls) {
  return static_cast<Tls*>(tls)->apply(static_cast<ssl_ctx_st*>(context)) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

struct Target {
  std::string url, host_header, connect_to;
};

// To be greeted with another name than that under which it is found, a server is asked for by the first, and libcurl
// is told to connect to the second (CURLOPT_CONNECT_TO).
Result<Target> rename(const std::string& url, const std::string& name) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  std::array<char*, 3> parts{};
  const auto get = [&](CURLUPart part, unsigned flags, char*& into) {
    return curl_url_get(parsed.get(), part, &into, flags) == CURLUE_OK;
  };
  Target target;
  const bool good = parsed && curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                    get(CURLUPART_HOST, 0, parts[0]) && get(CURLUPART_PORT, CURLU_DEFAULT_PORT, parts[1]) &&
                    curl_url_set(parsed.get(), CURLUPART_HOST, name.c_str(), 0) == CURLUE_OK &&
                    get(CURLUPART_URL, 0, parts[2]);
  if (good)
    target = {.url = parts[2],
              .host_header = fmt::format("Host: {}:{}", parts[0], parts[1]),
              .connect_to = fmt::format("{}:{}:{}:{}", name, parts[1], parts[0], parts[1])};
  for (char* part : parts) curl_free(part);
  if (!good) return fail(Errc::malformed, "not a URL, or tls.server_name_override is not a name");
  return target;
}

}  // namespace

Transfer::Transfer(ServerState& server, Request request, Client::Done done)
    : server_(server), request_(std::move(request)), done_(std::move(done)) {}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
  curl_slist_free_all(connect_to_);
}

size_t Transfer::on_body(char* bytes, size_t, size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (size > transfer.request_.max_answer_bytes - transfer.response_.body.size()) {
    transfer.too_large_ = true;
    return 0;
  }
  transfer.response_.body.append(bytes, size);
  return size;
}

size_t Transfer::on_header(char* bytes, size_t, size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.header_bytes_ += size;
  if (transfer.header_bytes_ > kMaxHeaderBytes) {
    transfer.too_large_ = true;
    return 0;
  }
  const std::string_view line(bytes, size);
  const auto keep = [&](std::string_view name, std::string& into) {
    if (line.size() <= name.size() || line[name.size()] != ':') return;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) return;
    auto value = line.substr(name.size() + 1);
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r' || value.back() == ' '))
      value.remove_suffix(1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    into = value.substr(0, kMaxHeaderValueBytes);
  };
  keep("Retry-After", transfer.response_.retry_after);
  keep("X-Elastic-Product", transfer.response_.product);
  return size;
}

Result<> Transfer::set_up() {
  easy_ = curl_easy_init();
  CHECK(easy_ != nullptr);
  const auto set = [&](CURLoption option, auto value) {
    CHECK(curl_easy_setopt(easy_, option, value) != CURLE_UNKNOWN_OPTION);
  };
  const bool https = request_.url.starts_with("https:");

  Target target{.url = request_.url};
  if (https && !server_.server_name_override.empty()) target = TRY(rename(request_.url, server_.server_name_override));
  set(CURLOPT_URL, target.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(std::max<uint64_t>(server_.idle_connection_ns / kSecondNs, 1)));
  set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  if (server_.timeout_ns != 0)
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<uint64_t>(server_.timeout_ns / kMillisecondNs, 1)));
  const auto& proxy = https ? server_.proxies.for_https : server_.proxies.for_http;
  set(CURLOPT_PROXY, proxy.c_str());  // empty: none, whatever the environment says
  set(CURLOPT_NOPROXY, server_.proxies.none_for.c_str());

  set(CURLOPT_SSLVERSION, server_.tls->version());
  set(CURLOPT_SSL_VERIFYPEER, server_.tls->verifies() ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, server_.tls->verifies() ? 2L : 0L);
  set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));  // on_tls says whom to trust
  // Nothing is read from there. libcurl does not know what on_tls does, and would use a connection of one server for
  // another that is trusted by other authorities, or knows us by another certificate; folders it compares.
  set(CURLOPT_CAPATH, server_.identity.c_str());
  set(CURLOPT_SSL_CTX_FUNCTION, on_tls);
  set(CURLOPT_SSL_CTX_DATA, server_.tls.get());

  if (request_.method == "GET") {
    set(CURLOPT_HTTPGET, 1L);
  } else {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body ? request_.body->size() : 0));
    set(CURLOPT_POSTFIELDS, request_.body ? request_.body->data() : "");  // not copied
    if (request_.method != "POST") set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_, line.c_str());
    CHECK(longer != nullptr);
    headers_ = longer;
  };
  for (const auto& line : server_.headers) add(line);
  for (const auto& line : request_.headers)
    if (!server_.has_header(std::string_view(line).substr(0, line.find(':')))) add(line);
  if (!target.host_header.empty() && !server_.has_header("Host")) add(target.host_header);
  add("Expect:");  // libcurl would wait a second for servers that do not know "100-continue"
  set(CURLOPT_HTTPHEADER, headers_);
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // none of them is for the proxy
  if (!target.connect_to.empty()) {
    connect_to_ = curl_slist_append(nullptr, target.connect_to.c_str());
    set(CURLOPT_CONNECT_TO, connect_to_);
  }
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_ERRORBUFFER, reason_.data());
  return Ok{};
}

void Transfer::finish(CURLcode result) {
  if (result != CURLE_OK) return done_(error_of(result));
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  done_(std::move(response_));
}

void Transfer::finish(const Error& never_began) {
  done_(Error{never_began.code, fmt::format("{}: {}", described(), never_began.message)});
}

std::string Transfer::described() const {
  // Not the query: it may hold a key.
  return fmt::format("{} {}", request_.method, request_.url.substr(0, request_.url.find('?')));
}

Error Transfer::error_of(CURLcode result) const {
  if (too_large_)
    return fail(Errc::too_large, "{}: the answer is larger than {} bytes", described(), request_.max_answer_bytes);
  curl_off_t ready_us = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
  Errc code = Errc::gone;
  if (result == CURLE_OPERATION_TIMEDOUT) code = Errc::timed_out;
  if (ready_us == 0) code = Errc::io;
  std::string words = reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(result);
  if (const auto hint = server_.tls->hint(); result == CURLE_PEER_FAILED_VERIFICATION && !hint.empty())
    words += "; " + hint;
  return Error{code, server_.redacted(fmt::format("{}: {}", described(), words))};
}

}  // namespace splitprof::http
