// SPDX-License-Identifier: Apache-2.0
//
// Requests: turns each Question into the RPC calls that answer it, pipelined so that it costs one round trip, and the
// listings that a descriptor stands for into text, on a worker. Owned by SamplerClient, main thread, inside its event
// loop. Keeps the capabilities of processes and installed tables; decides nothing.
#pragma once

#include <kj/async.h>
#include <kj/io.h>

#include <functional>
#include <unordered_map>

#include "processor/ingest/input.h"
#include "processor/ingest/workers.h"
#include "schema/sampler.capnp.h"

namespace splitprof {

// A descriptor that came with a capability, as one of our own: the capability's dies with it.
kj::Promise<kj::AutoCloseFd> take_descriptor(schema::OpenFile::Client file);

Error error_from(const kj::Exception& exception);

class Requests final : private kj::TaskSet::ErrorHandler {
 public:
  using Answer = std::function<void(Ticket, Result<AnswerValue>)>;
  // `answer` is called from the event loop, or from collect() for what a worker read.
  Requests(schema::Session::Client session, Workers& workers, Answer answer);

  void ask(Ticket ticket, Question question);
  // Takes a finished job over when it is one of this object's own; gives it back otherwise.
  std::unique_ptr<Job> collect(std::unique_ptr<Job> job);

 private:
  void send(Ticket, const AskMappings&);
  void send(Ticket, const AskDescription&);
  void send(Ticket, const AskMemory&);
  void send(Ticket, const AskMappedFile&);
  void send(Ticket, const AskExecutable&);
  void send(Ticket, const AskKernelSymbols&);
  void send(Ticket, const AskHost&);
  void send(Ticket, const AskCounters&);
  void send(Ticket, const InstallTable&);
  void send(Ticket, const RemoveTable&);
  void send(Ticket, const SetMappings&);
  void send(Ticket, const Configure&);
  void send(Ticket, const AskDebugFile&);
  void send(Ticket, const AskEnvironment&);
  void send(Ticket, const SetRuntimes&);

  schema::Process::Client& process(ProcessKey key);
  void answer_with_file(Ticket ticket, schema::OpenFile::Client file);
  void answer_with_text(Ticket ticket, schema::OpenFile::Client file, size_t max_bytes);
  // Adds the promise to the running ones; its exception is the answer.
  void run(Ticket ticket, kj::Promise<void> promise);
  void taskFailed(kj::Exception&& exception) override;

  struct HeldProcess {
    schema::Process::Client client;
    uint64_t last_used = 0;  // value of uses_
  };

  schema::Session::Client session_;
  schema::UnwindTables::Client tables_;
  Workers& workers_;
  Answer answer_;
  uint64_t uses_ = 0;
  std::unordered_map<ProcessKey, HeldProcess> processes_;
  std::unordered_map<uint32_t, schema::UnwindTable::Client> installed_;  // by id; dropping one removes the table
  kj::TaskSet tasks_;
};

}  // namespace splitprof
