// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/written_once.h"

#include "processor/elasticsearch/documents.h"

namespace splitprof::elasticsearch {
namespace {

// Sizes are those of the collector's exporter.
constexpr size_t kMany = 131072, kFew = 16384, kHosts = 1048576;
constexpr uint64_t kLifeNs = 3ull * 3600 * 1'000'000'000;

// The text value of a member of an action line that this program wrote: nothing in it is escaped.
std::string_view member(std::string_view line, std::string_view key) {
  const auto found = line.find(key);
  if (found == line.npos) return {};
  line.remove_prefix(found + key.size());
  return line.substr(0, line.find('"'));
}

}  // namespace

WrittenOnce::WrittenOnce(uint64_t seed)
    : stacktraces(kMany, kLifeNs, seed),
      stackframes(kMany, kLifeNs, seed),
      executables(kFew, kLifeNs, seed),
      leaf_frame_requests(kMany, kLifeNs, seed),
      executable_requests(kFew, kLifeNs, seed),
      hosts(kHosts, kLifeNs, seed) {}

void WrittenOnce::forget(std::string_view action_line) {
  const auto id = member(action_line, R"("_id":")");
  auto index = member(action_line, R"("_index":")");
  if (index.ends_with(kIndexSuffixOfOtel)) index.remove_suffix(kIndexSuffixOfOtel.size());
  if (index == "profiling-stacktraces") {
    stacktraces.erase(id);
  } else if (index == "profiling-stackframes") {
    stackframes.erase(id);
  } else if (index == "profiling-executables") {
    executables.erase(id);
  } else if (index == "profiling-sq-leafframes") {
    leaf_frame_requests.erase(id);
  } else if (index == "profiling-sq-executables") {
    executable_requests.erase(id);
  } else if (index == "profiling-hosts") {
    hosts.clear();  // its line does not say which
  }
}

void WrittenOnce::forget_all() {
  for (auto* set : {&stacktraces, &stackframes, &executables, &leaf_frame_requests, &executable_requests, &hosts})
    set->clear();
}

size_t WrittenOnce::memory_bytes() const {
  size_t bytes = 0;
  for (const auto* set :
       {&stacktraces, &stackframes, &executables, &leaf_frame_requests, &executable_requests, &hosts}) {
    bytes += set->memory_bytes();
  }
  return bytes;
}

}  // namespace splitprof::elasticsearch
