// SPDX-License-Identifier: Apache-2.0
//
// What a client needs of the machine once the sandbox is shut: files, ports, and libraries that have to be loaded
// before. Called by main() while nothing is confined yet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "processor/config/http_options.h"
#include "shared/result.h"

namespace splitprof::http {

// Files and folders that have to stay readable: name resolution, and the system's authorities where they count.
std::vector<std::string> readable_paths(const HttpOptions& options);
// TCP ports of `urls`, of the proxies in their way, and of name servers.
Result<std::vector<uint16_t>> ports(const HttpOptions& options, const std::vector<std::string>& urls);
// Has the C library load what /etc/nsswitch.conf names for hosts: later it could not map code.
void preload_name_resolution();

// The proxies of an exporter: its own, or those that the environment names as Go programs read it (upper or lower
// case, HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
struct Proxies {
  std::string for_http, for_https;  // URLs, maybe with a user; empty: none
  std::string none_for;             // as CURLOPT_NOPROXY takes it
};
Result<Proxies> proxies(const HttpOptions& options);

}  // namespace splitprof::http
