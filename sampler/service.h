// SPDX-License-Identifier: Apache-2.0
//
// The Cap'n Proto server: each method checks, does, answers. Serves one processor at a time, over a connection that is
// inherited or accepted from a listening socket, whose peer's user is checked. Lives on the sampler's event loop.
#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>

#include <string>

#include "sampler/session.h"
#include "sampler/start/peers.h"

namespace splitprof {

class Service {
 public:
  Service(kj::LowLevelAsyncIoProvider& io, SamplerParts& parts, PeerPolicy policy);
  ~Service() noexcept(false);
  KJ_DISALLOW_COPY(Service);

  // Serves one connection until it ends; it was made by whoever started this process, so no peer check.
  kj::Promise<void> serve(kj::AutoCloseFd connection);
  // Accepts connections for ever; the listener does not block.
  kj::Promise<void> listen(kj::UnixEventPort& port, kj::AutoCloseFd listener);

  bool busy() const;  // a processor is connected
  // Drops the connection that there is: its reader lied about what it had read.
  void end_connection(const std::string& why);
  Session* session();  // the one that there is

 private:
  kj::Promise<void> accept_next(kj::UnixEventPort::FdObserver& observer, int listener);

  struct State;
  kj::Own<State> state_;
};

}  // namespace splitprof
