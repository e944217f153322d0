// SPDX-License-Identifier: Apache-2.0
//
// How an exporter speaks HTTP, as the collector's keys name it. Plain values, checked by processor/config.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace splitprof {

struct TlsOptions {
  std::string ca_file, ca_pem;
  std::string cert_file, cert_pem, key_file, key_pem;  // a pair, or neither
  bool include_system_ca_certs_pool = false;           // only has a meaning beside ca_file or ca_pem
  bool insecure_skip_verify = false;
  std::string server_name_override;
  std::string min_version = "1.2", max_version;  // 1.0 to 1.3; empty: the newest
};

struct HttpOptions {
  std::vector<std::pair<std::string, std::string>> headers;  // added to each request; values may be secret
  std::string user, password;                                // HTTP Basic; empty: none
  std::string api_key;                                       // Authorization: ApiKey …; wins over Basic
  std::string bearer_token;                                  // Authorization: Bearer …
  std::string proxy_url;                                     // empty: as the environment says
  TlsOptions tls;
  uint64_t timeout_ns = 90'000'000'000;  // of one request; 0: none
  std::string compression = "gzip";      // or "none"
  int compression_level = 1;             // 1 to 9
  uint32_t max_connections = 0;          // to one host; 0: as many as are needed
  uint64_t idle_connection_ns = 90'000'000'000;
};

// What sends again, and when.
struct RetryOptions {
  bool enabled = true;
  uint32_t max_retries = 2;
  uint64_t initial_interval_ns = 100'000'000, max_interval_ns = 60'000'000'000;
  uint64_t max_elapsed_ns = 0;               // of one message, since its first try; 0: no end but max_retries
  std::vector<int> on_status{429};           // of whole answers
  std::vector<int> on_document_status{429};  // of single documents
};

// What waits to be sent.
struct QueueOptions {
  bool enabled = true;
  uint32_t queue_size = 10;       // requests in memory
  uint32_t num_consumers = 10;    // requests under way at once
  bool block_on_overflow = true;  // understood as: keep on disk rather than drop
  uint64_t flush_timeout_ns = 10'000'000'000;
  uint64_t min_size = 1'000'000, max_size = 5'000'000;  // bytes of a body
};

// Where it waits while the server is away.
struct BacklogOptions {
  bool enabled = true;
  std::string folder;  // empty: a folder of the exporter's name in the state folder of the daemon, where it has one
  uint64_t max_bytes = 1u << 30;
  uint64_t max_age_ns = 24ull * 3600 * 1'000'000'000;
};

}  // namespace splitprof
