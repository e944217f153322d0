// SPDX-License-Identifier: Apache-2.0
//
// SamplerClient: the live Input. Owns the connection to the sampler, the shared ring's reading end, the workers, the
// clock's ticks and the signals, all in one KJ event loop on the main thread. It orders nothing and understands no
// record; it hands out what has come, one event at a time.
#pragma once

#include <kj/io.h>

#include <memory>
#include <string>

#include "processor/ingest/input.h"
#include "processor/ingest/workers.h"

namespace splitprof {

// A connected stream socket. The connection belongs to whoever the process is now: the sampler checks its uid.
Result<kj::AutoCloseFd> connect_to(const std::string& path);

class SamplerClient final : public Input {
 public:
  struct Options {
    Workers::Limits workers;
    bool take_signals = true;  // SIGINT and SIGTERM become StopEvents
  };

  // Greets the sampler and opens the session's ring. Throws kj::Exception when that fails.
  SamplerClient(kj::AutoCloseFd connection, Options options);
  ~SamplerClient() override;

  Event next() override;
  void ask(Ticket ticket, Question question) override;
  void start(std::unique_ptr<Job> job) override;

  // Brings a StopEvent, after what is on its way already.
  void stop();

  uint64_t connected_ns() const;  // CLOCK_MONOTONIC, when the ring was open
  size_t unfinished_jobs() const;
  uint64_t jobs_abandoned() const;
  uint64_t jobs_dropped() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
