// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/endpoints.h"

#include <algorithm>

namespace splitprof::elasticsearch {
namespace {

// Elastic's client libraries let a dead connection rest so long, and double it up to five times.
constexpr uint64_t kFirstRestNs = 60'000'000'000;
constexpr unsigned kMostDoublings = 5;

}  // namespace

Endpoints::Endpoints(const std::vector<std::string>& urls) {
  for (const auto& url : urls) all_.push_back({.url = url});
}

size_t Endpoints::next(uint64_t now_ns) {
  size_t chosen = turn_;
  for (size_t i = 0; i < all_.size(); ++i) {
    const size_t candidate = (turn_ + i) % all_.size();
    if (all_[candidate].rests_until_ns <= now_ns) {
      chosen = candidate;
      break;
    }
    if (all_[candidate].rests_until_ns < all_[chosen].rests_until_ns) chosen = candidate;
  }
  turn_ = (chosen + 1) % all_.size();
  return chosen;
}

void Endpoints::unreachable(size_t endpoint, uint64_t now_ns) {
  auto& one = all_.at(endpoint);
  // Requests that were under way together fail together: one rest.
  if (one.rests_until_ns > now_ns) return;
  one.rests_until_ns = now_ns + (kFirstRestNs << std::min(one.failures, kMostDoublings));
  ++one.failures;
}

void Endpoints::answered(size_t endpoint) {
  auto& one = all_.at(endpoint);
  one.failures = 0;
  one.rests_until_ns = 0;
}

bool Endpoints::all_rest(uint64_t now_ns) const {
  return std::all_of(all_.begin(), all_.end(), [&](const Endpoint& one) { return one.rests_until_ns > now_ns; });
}

}  // namespace splitprof::elasticsearch
