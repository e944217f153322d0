// SPDX-License-Identifier: Apache-2.0
//
// URLs of servers and addresses to listen on, taken apart and checked. Not a general URL parser: what RFC 3986 allows
// and nobody uses for a server (fragments, escapes in host names) is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace splitprof::config {

struct Url {
  std::string scheme;          // "http", "https"
  std::string user, password;  // decoded
  std::string host;            // an IPv6 address with its brackets
  std::string port;            // empty: the scheme's
  std::string path;            // "" or "/…"
  std::string query;           // without '?'

  // Without user, query and trailing slash.
  std::string endpoint() const;
};

// The error's sentence goes on after the URL. Any scheme; the caller knows which it wants.
Result<Url> parse_url(std::string_view text);
// What of it can be shown: without user and password, wherever they may stand in it.
std::string shown_url(std::string_view text);

struct Address {
  std::string host;  // empty: all; without brackets
  uint16_t port = 0;
};
// "localhost:4318", "[::1]:4318", ":4318".
Result<Address> parse_address(std::string_view text);

}  // namespace splitprof::config
