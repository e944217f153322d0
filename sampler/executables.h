// SPDX-License-Identifier: Apache-2.0
//
// Executables taken at exec: as soon as BPF says that a process has begun another program, an opener is asked for that
// program's file, so that what lives for 5 ms can still be named. Each is held for 2 s for whoever asks by its key.
// Owned by a session, on the sampler's event loop. Opens nothing itself and never looks into a file.
#pragma once

#include <kj/async.h>
#include <kj/io.h>
#include <kj/timer.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>

#include "bpf/abi.h"
#include "sampler/opener_client.h"
#include "sampler/targets.h"

namespace splitprof {

class Executables final : private kj::TaskSet::ErrorHandler {
 public:
  // Told when an executable is there: with the exec that it belongs to and the key by which it can be asked for.
  using OnTaken = std::function<void(const sp_exec& exec, uint64_t key)>;
  Executables(OpenerClient& opener, Targets& targets, kj::Timer& timer, SamplerCounters& counters, OnTaken on_taken);

  // `key` is that of the program in `targets`.
  void take(const sp_exec& exec, uint64_t key);
  // The descriptor; this object's. None: never taken, expired, or denied meanwhile.
  std::optional<int> find(uint64_t key);
  // Closes what has been held for its time.
  void expire();

 private:
  struct Held {
    kj::AutoCloseFd file;
    bool asked_for = false;
  };
  void taken(const sp_exec& exec, uint64_t key, Result<OpenReply> reply);
  void taskFailed(kj::Exception&& exception) override;

  OpenerClient& opener_;
  Targets& targets_;
  kj::Timer& timer_;
  SamplerCounters& counters_;
  OnTaken on_taken_;
  __u64 opens_full_at_ns_ = 0;  // the bucket of opens
  std::unordered_map<uint64_t, Held> held_;
  std::deque<std::pair<kj::TimePoint, uint64_t>> ends_;  // of what is held, the first one first
  kj::TaskSet opening_;                                  // last: its tasks use all of the above
};

}  // namespace splitprof
