// SPDX-License-Identifier: Apache-2.0
//
// Complaints: log lines about what a server does again and again, once a minute for each cause. Export thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "shared/log.h"

namespace splitprof::elasticsearch {

class Complaints {
 public:
  // `exporter` begins each line.
  explicit Complaints(std::string exporter) : exporter_(std::move(exporter)) {}

  // `cause`: what makes two of them the same. `text` may hold what the server said.
  void say(log::Level level, uint64_t now_ns, const std::string& cause, const std::string& text);

 private:
  struct Past {
    uint64_t said_ns = 0;
    uint64_t unsaid = 0;  // since then
  };
  std::string exporter_;
  std::map<std::string, Past> past_;
};

}  // namespace splitprof::elasticsearch
