// SPDX-License-Identifier: Apache-2.0
//
// Checks: what a server is asked before it is sent anything: its version, and whether it is set up for what will come.
// Asked once; every ten minutes as long as it is not ready; soon again when it does not answer. An answer that does not
// tell ("forbidden", "no such address") holds nothing back. Export thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "processor/config/elasticsearch_options.h"
#include "processor/elasticsearch/endpoints.h"
#include "processor/http/backoff.h"
#include "processor/http/client.h"
#include "processor/pipelines/component.h"

namespace splitprof::elasticsearch {

class Checks {
 public:
  // All of them outlive it.
  Checks(const ElasticsearchOptions& options, http::Client& client, const http::Server& server, uint64_t seed);
  ~Checks();
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  // Profiles, or metrics, will be sent: only then is it asked whether the server is ready for them.
  void expect_profiles() { profiles_.wanted = true; }
  void expect_metrics() { metrics_.wanted = true; }

  void tick(const Times& now);
  // Not before the server said that it is set up for them, as otherwise it makes plain indices of their names, and a
  // later set-up fails.
  bool profiles_may_go() const { return profiles_may_go_; }
  bool holds_profiles() const { return profiles_.wanted && !profiles_may_go_; }
  // Parameter require_data_stream: Elasticsearch 8.12 and newer.
  bool data_stream_can_be_required() const { return data_stream_can_be_required_; }

 private:
  enum class After { done, ask_soon, ask_later };
  struct Question {
    std::string path;
    After (Checks::*read)(const http::Response&);
    bool wanted = false;
    bool done = false;
    std::optional<uint64_t> request;  // under way
    std::optional<Result<http::Response>> answer;
    unsigned failures = 0;
    uint64_t ask_at_ns = 0;
  };

  void ask(Question& question, const Times& now);
  void take(Question& question, const Times& now);
  After read_version(const http::Response& response);
  After read_ecs(const http::Response& response);
  After read_otel(const http::Response& response);
  After read_metrics(const http::Response& response);
  void warn_once(bool& said, const std::string& text);

  const ElasticsearchOptions& options_;
  http::Client& client_;
  const http::Server& server_;
  Endpoints endpoints_;
  http::Backoff backoff_;
  Question version_, profiles_, metrics_;
  bool profiles_may_go_;
  bool data_stream_can_be_required_ = true;
  bool said_silent_ = false, said_unknown_ = false, said_missing_ = false, said_metrics_ = false;
};

}  // namespace splitprof::elasticsearch
