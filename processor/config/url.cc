// SPDX-License-Identifier: Apache-2.0
#include "processor/config/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "processor/config/section.h"

namespace splitprof::config {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return fail(Errc::malformed, "has a wrong %-escape");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') && std::all_of(host.begin() + 1, host.end() - 1, [](char c) {
             return hex_digit(c) >= 0 || c == ':' || c == '.';
           });
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
  });
}

// "host", "host:1", "[::1]", "[::1]:1"
struct HostPort {
  std::string_view host, port;
  bool colon = false;
};
HostPort split_port(std::string_view text) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.find(':', bracket == text.npos ? 0 : bracket);
  if (colon == text.npos) return {text, {}, false};
  return {text.substr(0, colon), text.substr(colon + 1), true};
}

Result<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Errc::malformed, "has a port that is no number from 0 to 65535");
  return port;
}

}  // namespace

std::string Url::endpoint() const {
  std::string out = scheme + "://" + host + (port.empty() ? "" : ":" + port) + path;
  while (out.ends_with('/')) out.pop_back();
  return out;
}

Result<Url> parse_url(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }))
    return fail(Errc::malformed, "has a space or a control character in it");
  Url url;
  const size_t colon = text.find("://");
  if (colon != text.npos) {
    url.scheme = text.substr(0, colon);
    for (char& c : url.scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    text.remove_prefix(colon + 3);
  } else {
    return url;
  }
  if (text.find('#') != text.npos) return fail(Errc::malformed, "has a fragment (#)");
  if (const size_t question = text.find('?'); question != text.npos) {
    url.query = text.substr(question + 1);
    text = text.substr(0, question);
  }
  if (const size_t slash = text.find('/'); slash != text.npos) {
    url.path = text.substr(slash);
    text = text.substr(0, slash);
  }
  if (const size_t at = text.rfind('@'); at != text.npos) {
    const auto credentials = text.substr(0, at);
    const size_t end_of_user = std::min(credentials.find(':'), credentials.size());
    url.user = TRY(percent_decoded(credentials.substr(0, end_of_user)));
    if (end_of_user < credentials.size()) url.password = TRY(percent_decoded(credentials.substr(end_of_user + 1)));
    text.remove_prefix(at + 1);
  }
  const auto parts = split_port(text);
  if (!is_host(parts.host)) return fail(Errc::malformed, "has no host name");
  if (!parts.port.empty()) (void)TRY(parse_port(parts.port));
  url.host = parts.host;
  url.port = parts.port;
  return url;
}

std::string shown_url(std::string_view text) {
  const size_t scheme = text.find("://");
  const size_t begin = scheme == text.npos ? 0 : scheme + 3;
  // The last "@": in a URL that is none, who knows where the password ends.
  const size_t at = text.rfind('@');
  if (at == text.npos || at < begin) return shown(text);
  return shown(std::string(text.substr(0, begin)) + "[REDACTED]@" + std::string(text.substr(at + 1)));
}

Result<Address> parse_address(std::string_view text) {
  const auto parts = split_port(text);
  if (!parts.colon || (!parts.host.empty() && !is_host(parts.host)))
    return fail(Errc::malformed, "has to be HOST:PORT, as in \"localhost:4318\"");
  Address address;
  address.port = TRY(parse_port(parts.port));
  address.host = parts.host;
  if (address.host.starts_with('[')) address.host = address.host.substr(1, address.host.size() - 2);
  return address;
}

}  // namespace splitprof::config
