// SPDX-License-Identifier: Apache-2.0
//
// The parts of the configuration that speak OTLP: two receivers, three exporters. Plain values, checked by
// processor/config.
#pragma once

#include "processor/config/http_options.h"

namespace splitprof {

struct OtlpReceiverOptions {
  std::string name;
  std::string host = "localhost";
  uint16_t port = 4318;
  std::string profiles_path = "/v1development/profiles";
  uint64_t max_request_bytes = 20u << 20;  // of a body, before and after decompression
};

struct OtlpJsonFileOptions {
  std::string name;
  std::vector<std::string> include, exclude;  // globs
  bool start_at_beginning = true;
  bool replay_file = false;  // reads them again and again
  uint64_t poll_interval_ns = 200'000'000;
};

struct OtlpHttpOptions {
  std::string name;
  std::string profiles_endpoint, metrics_endpoint;  // whole URLs
  bool json = false;                                // else protobuf
  HttpOptions http;
  QueueOptions queue;  // each batch is a request: sizes and flush_timeout are 0
  RetryOptions retry;
  BacklogOptions backlog;
};

struct FileExporterOptions {
  std::string name;
  std::string path;  // absolute
  enum class Format { json, proto, folded };
  Format format = Format::json;
  bool append = false;
  bool rotate = false;
  uint64_t max_megabytes = 100;
  uint32_t max_days = 0;  // 0: for ever
  uint32_t max_backups = 100;
  bool local_time = false;  // in the names of rotated files; else UTC
  bool zstd = false;        // each batch one frame
  uint64_t flush_interval_ns = 1'000'000'000;
};

struct DebugExporterOptions {
  std::string name;
  enum class Verbosity { basic, normal, detailed };
  Verbosity verbosity = Verbosity::basic;
};

}  // namespace splitprof
