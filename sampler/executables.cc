// SPDX-License-Identifier: Apache-2.0
#include "sampler/executables.h"

#include "bpf/bucket.h"
#include "sampler/limits.h"
#include "shared/log.h"

namespace splitprof {

Executables::Executables(OpenerClient& opener, Targets& targets, kj::Timer& timer, SamplerCounters& counters,
                         OnTaken on_taken)
    : opener_(opener),
      targets_(targets),
      timer_(timer),
      counters_(counters),
      on_taken_(std::move(on_taken)),
      opening_(*this) {}

void Executables::take(const sp_exec& exec, uint64_t key) {
  if (exec.flags & SP_SAMPLE_DENIED) return;
  if (!sp_take_token(&opens_full_at_ns_, exec.time_ns, kTakenTokenNs, kTakenBurst))
    return counters_.add(SamplerCounter::executables_limited);
  OpenRequest request{.operation = OpenOperation::executable, .pid = exec.pid, .start_time_ns = exec.start_time_ns};
  request.executable = {.inode = exec.inode, .device = exec.device};
  opening_.add(
      opener_.open(request).then([this, exec, key](Result<OpenReply> reply) { taken(exec, key, std::move(reply)); }));
}

void Executables::taken(const sp_exec& exec, uint64_t key, Result<OpenReply> reply) {
  if (!reply) return counters_.add(SamplerCounter::executables_failed);
  expire();
  held_[key].file = kj::mv(reply->file);
  ends_.emplace_back(timer_.now() + kTakenSeconds * kj::SECONDS, key);
  counters_.add(SamplerCounter::executables_taken);
  on_taken_(exec, key);
}

std::optional<int> Executables::find(uint64_t key) {
  expire();
  const auto found = held_.find(key);
  if (found == held_.end() || targets_.denied(key)) return std::nullopt;
  found->second.asked_for = true;
  return found->second.file.get();
}

void Executables::expire() {
  // The number is bounded by the rate already; should time stand still, the oldest goes.
  while (!ends_.empty() && (ends_.front().first <= timer_.now() || ends_.size() > kMaxTaken)) {
    const auto ended = held_.find(ends_.front().second);
    if (!ended->second.asked_for) counters_.add(SamplerCounter::executables_unasked);
    held_.erase(ended);
    ends_.pop_front();
  }
}

void Executables::taskFailed(kj::Exception&& exception) {
  log::error("taking an executable: {}", exception.getDescription().cStr());
}

}  // namespace splitprof
