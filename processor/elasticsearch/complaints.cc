// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/complaints.h"

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kIntervalNs = 60'000'000'000;
constexpr size_t kMaxCauses = 64;  // a server can make up as many as it likes
constexpr size_t kMaxTextBytes = 1024;

}  // namespace

void Complaints::say(log::Level level, uint64_t now_ns, const std::string& cause, const std::string& text) {
  if (past_.size() >= kMaxCauses && past_.count(cause) == 0) past_.clear();
  const auto [found, is_new] = past_.try_emplace(cause);
  auto& past = found->second;
  if (!is_new && now_ns - past.said_ns < kIntervalNs) {
    ++past.unsaid;
    return;
  }
  const auto more = past.unsaid == 0 ? "" : fmt::format(" ({} more times since it was said last)", past.unsaid);
  past = {.said_ns = now_ns};
  spdlog::log(level, "{}: {}{}", exporter_, log::printable(text, kMaxTextBytes), more);
}

}  // namespace splitprof::elasticsearch
