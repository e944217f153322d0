// SPDX-License-Identifier: Apache-2.0
//
// What the RPC objects of one connection share: the session, and the way to end a connection whose peer breaks the
// protocol. The session dies with the connection, whatever objects the peer still refers to. Event loop's thread.
#pragma once

#include <capnp/capability.h>
#include <kj/async.h>
#include <kj/debug.h>

#include <memory>
#include <string>
#include <vector>

#include "sampler/session.h"
#include "schema/sampler.capnp.h"
#include "shared/log.h"

namespace splitprof {

struct Link {
  Link(SamplerParts& all, std::shared_ptr<Link>& holder) : parts(all), active(holder) {}
  SamplerParts& parts;
  std::shared_ptr<Link>& active;  // whose session there is; the service's
  std::unique_ptr<Session> session;
  size_t processes = 0;  // Process objects alive
  kj::Own<kj::PromiseFulfiller<void>> end;

  Session& use() {
    if (!session) kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "the session has ended"));
    return *session;
  }
  // The processor broke the protocol: nothing that it says is worth hearing any more.
  [[noreturn]] void violation(const std::string& what) {
    log::warn("the processor broke the protocol, its connection ends: {}", what);
    parts.counters.add(SamplerCounter::protocol_violations);
    end->reject(KJ_EXCEPTION(FAILED, "protocol violation"));
    kj::throwFatalException(KJ_EXCEPTION(FAILED, "protocol violation", what.c_str()));
  }
  void require(bool condition, const char* what) {
    if (!condition) violation(what);
  }
};
using SharedLink = std::shared_ptr<Link>;  // shared: by the connection and by each object that its peer holds

// An error as the peer sees it: the type says what to do, the text why.
kj::Exception exception_of(const Error& error);

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) kj::throwFatalException(exception_of(result.error()));
  return std::move(result).value();
}

kj::ArrayPtr<const kj::byte> bytes_of(const std::string& text);

template <typename T>
std::vector<T> copy(typename capnp::List<T>::Reader list) {
  std::vector<T> values;
  values.reserve(list.size());
  for (T value : list) values.push_back(value);
  return values;
}

// A capability that carries `fd` to the peer.
schema::OpenFile::Client open_file(kj::AutoCloseFd fd);
schema::OpenFile::Client duplicate(int fd);

// The objects themselves, each in the file of its name.
kj::Own<schema::Session::Server> make_session_server(SharedLink link);
kj::Own<schema::Process::Server> make_process_server(SharedLink link, uint64_t key);
kj::Own<schema::UnwindTables::Server> make_tables_server(SharedLink link);

}  // namespace splitprof
