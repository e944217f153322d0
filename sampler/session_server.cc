// SPDX-License-Identifier: Apache-2.0
//
// Session: sampling, the ring, what the host is, and the way to processes and tables.
#include <unistd.h>

#include "sampler/limits.h"
#include "sampler/link.h"

namespace splitprof {
namespace {

class SessionServer final : public schema::Session::Server {
 public:
  explicit SessionServer(SharedLink link) : link_(std::move(link)) {}

  kj::Promise<void> configure(ConfigureContext context) override {
    link_->use();
    const auto params = context.getParams();
    link_->require(params.getHz() <= kMaxHz && params.getCpus().size() <= kMaxCpus, "a rate or CPUs out of range");
    link_->parts.perf_events.configure(params.getHz(), copy<uint32_t>(params.getCpus()), params.getIdle());
    // The answer to "stop" means that everything taken has been handed over.
    if (auto result = link_->parts.drain.run(true); !result) link_->violation(result.error().message);
    return kj::READY_NOW;
  }
  kj::Promise<void> ring(RingContext context) override {
    auto& session = link_->use();
    const int wakeup = value_or_throw(session.open_ring());
    auto results = context.getResults();
    results.setData(duplicate(session.ring().data_fd()));
    results.setPosition(duplicate(session.ring().position_fd()));
    results.setWakeup(duplicate(wakeup));
    return kj::READY_NOW;
  }
  kj::Promise<void> counters(CountersContext context) override {
    link_->use();
    struct Named {
      const char* name;
      uint64_t value;
    };
    const auto bpf = link_->parts.programs.counters();
    const Named all[] = {
#define SP_COUNTER(number, name, text) {#name, bpf[number]},
#include "bpf/counters.def"
#undef SP_COUNTER
#define SP_SAMPLER_COUNTER(name, text) {#name, link_->parts.counters[SamplerCounter::name]},
#include "sampler/counters.def"
#undef SP_SAMPLER_COUNTER
        {"table_arena_bytes", link_->parts.arena.bytes()},
    };
    auto list = context.getResults().initCounters(std::size(all));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setName(all[i].name);
      list[i].setValue(all[i].value);
    }
    return kj::READY_NOW;
  }
  kj::Promise<void> host(HostContext context) override {
    link_->use();
    const auto& facts = link_->parts.host;
    auto host = context.getResults().initHost();
    host.setBootId(facts.boot_id.c_str());
    host.setMachineId(facts.machine_id.c_str());
    host.setHostName(facts.host_name.c_str());
    host.setKernelRelease(facts.kernel_release.c_str());
    host.setKernelVersion(facts.kernel_version.c_str());
    host.setArchitecture(facts.architecture.c_str());
    host.setOnlineCpus(static_cast<uint32_t>(online_cpus().size()));
    host.setKernelBuildId(bytes_of(facts.kernel_build_id));
    auto modules = host.initModules(static_cast<unsigned>(facts.modules.size()));
    for (unsigned i = 0; i < modules.size(); ++i) {
      modules[i].setName(facts.modules[i].first.c_str());
      modules[i].setBuildId(bytes_of(facts.modules[i].second));
    }
    auto pids = link_->parts.opener.pids();
    pids.insert(pids.begin(), getpid());
    auto list = host.initSamplerPids(static_cast<unsigned>(pids.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.set(i, static_cast<uint32_t>(pids[i]));
    return kj::READY_NOW;
  }
  kj::Promise<void> kernelSymbols(KernelSymbolsContext context) override {
    link_->use();
    return link_->parts.opener.open({.operation = OpenOperation::kernel_symbols})
        .then([context](Result<OpenReply> reply) mutable {
          auto opened = value_or_throw(std::move(reply));
          context.getResults().setSymbols(open_file(kj::mv(opened.file)));
        });
  }
  kj::Promise<void> executable(ExecutableContext context) override {
    const auto file = link_->use().executables.find(context.getParams().getKey());
    if (!file) kj::throwFatalException(exception_of(fail(Errc::not_found, "no executable is held under this key")));
    context.getResults().setFile(duplicate(*file));
    return kj::READY_NOW;
  }
  kj::Promise<void> process(ProcessContext context) override {
    link_->use();
    const uint64_t key = context.getParams().getKey();
    link_->require(link_->processes < kMaxProcessObjects, "too many processes held at once");
    if (!link_->parts.targets.find(key))
      kj::throwFatalException(exception_of(fail(Errc::not_found, "no process has this key")));
    context.getResults().setProcess(make_process_server(link_, key));
    return kj::READY_NOW;
  }
  kj::Promise<void> unwindTables(UnwindTablesContext context) override {
    link_->use();
    context.getResults().setTables(make_tables_server(link_));
    return kj::READY_NOW;
  }

 private:
  SharedLink link_;
};

}  // namespace

kj::Own<schema::Session::Server> make_session_server(SharedLink link) {
  return kj::heap<SessionServer>(std::move(link));
}

}  // namespace splitprof
