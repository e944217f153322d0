// SPDX-License-Identifier: Apache-2.0
//
// The sampler's side of every open of a target: queues requests, gives each to an idle opener, and has an opener that
// does not answer within 250 ms killed and replaced. Lives on the sampler's event loop and never blocks.
#pragma once

#include <kj/async-unix.h>
#include <kj/async.h>
#include <kj/io.h>
#include <kj/timer.h>

#include <string>
#include <vector>

#include "sampler/counters.h"
#include "sampler/opener/zygote.h"
#include "shared/result.h"

namespace splitprof {

constexpr auto kOpenDeadline = 250 * kj::MILLISECONDS;
constexpr auto kRefusalTime = 60 * kj::SECONDS;
constexpr size_t kMaxQueuedOpens = 256;      // at 30 us an open: what four openers do in 2 ms; more is a flood
constexpr size_t kMaxRefusedTargets = 1024;  // 16 a second can time out, for a minute: 960

class OpenerClient {
 public:
  OpenerClient(kj::UnixEventPort& port, kj::Timer& timer, Zygote zygote, SamplerCounters& counters);
  KJ_DISALLOW_COPY(OpenerClient);
  ~OpenerClient() noexcept(false);

  // Errors: gone; timed_out (also for a minute afterwards, without trying); too_large when too many wait; denied;
  // unsupported; io, with what failed. A process may exec between its key and the answer: whoever asked on behalf of a
  // key looks the key up again before passing the answer on.
  kj::Promise<Result<OpenReply>> open(OpenRequest request);

  bool ended() const;               // four openers are stuck: nothing can be opened until the sampler is restarted
  std::vector<pid_t> pids() const;  // zygote and openers, for accounting

 private:
  struct State;
  kj::Own<State> state_;
};

}  // namespace splitprof
