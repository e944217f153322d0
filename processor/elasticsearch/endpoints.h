// SPDX-License-Identifier: Apache-2.0
//
// Endpoints: which server is next. In turn; one that could not be reached rests, and is tried all the same when all of
// them rest. Export thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace splitprof::elasticsearch {

class Endpoints {
 public:
  explicit Endpoints(const std::vector<std::string>& urls);

  // The one to be used now; of those that all rest, the one that will be rested first.
  size_t next(uint64_t now_ns);
  const std::string& url(size_t endpoint) const { return all_.at(endpoint).url; }
  void unreachable(size_t endpoint, uint64_t now_ns);
  void answered(size_t endpoint);
  bool all_rest(uint64_t now_ns) const;

 private:
  struct Endpoint {
    std::string url;
    unsigned failures = 0;
    uint64_t rests_until_ns = 0;
  };
  std::vector<Endpoint> all_;
  size_t turn_ = 0;
};

}  // namespace splitprof::elasticsearch
