// SPDX-License-Identifier: Apache-2.0
#include "sampler/service.h"

#include <capnp/message.h>
#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <kj/debug.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sampler/limits.h"
#include "schema/sampler.capnp.h"
#include "shared/log.h"

namespace splitprof {
namespace {

// What a connection's objects share. The session dies with the connection, whatever objects are still referred to.
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

kj::Exception exception_of(const Error& error) {
  auto type = kj::Exception::Type::FAILED;
  if (error.code == Errc::gone) type = kj::Exception::Type::DISCONNECTED;
  if (error.code == Errc::timed_out || error.code == Errc::too_large) type = kj::Exception::Type::OVERLOADED;
  if (error.code == Errc::unsupported) type = kj::Exception::Type::UNIMPLEMENTED;
  return kj::Exception(type, __FILE__, __LINE__, kj::str(error.message.c_str()));
}

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) kj::throwFatalException(exception_of(result.error()));
  return std::move(result).value();
}

kj::ArrayPtr<const kj::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

template <typename T>
std::vector<T> copy(typename capnp::List<T>::Reader list) {
  std::vector<T> values;
  values.reserve(list.size());
  for (T value : list) values.push_back(value);
  return values;
}

class OpenFileServer final : public schema::OpenFile::Server {
 public:
  explicit OpenFileServer(kj::AutoCloseFd fd) : fd_(kj::mv(fd)) {}
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  kj::AutoCloseFd fd_;
};

schema::OpenFile::Client open_file(kj::AutoCloseFd fd) {
  return kj::heap<OpenFileServer>(kj::mv(fd));
}

schema::OpenFile::Client duplicate(int fd) {
  int copy;
  KJ_SYSCALL(copy = fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return open_file(kj::AutoCloseFd(copy));
}

class ProcessServer final : public schema::Process::Server {
 public:
  ProcessServer(SharedLink link, uint64_t key) : link_(std::move(link)), key_(key) { ++link_->processes; }
  ~ProcessServer() noexcept(false) { --link_->processes; }

  kj::Promise<void> describe(DescribeContext context) override {
    return open(OpenOperation::describe).then([this, context](OpenReply reply) mutable {
      auto results = context.getResults();
      results.setCgroup(bytes_of(reply.texts[0]));
      results.setCommandLine(bytes_of(reply.texts[1]));
      results.setExecutableLink(bytes_of(reply.texts[2]));
      results.setStartTimeNs(target().start_time_ns);
    });
  }
  kj::Promise<void> mappings(MappingsContext context) override {
    return open(OpenOperation::mappings).then([context](OpenReply reply) mutable {
      context.getResults().setMaps(open_file(kj::mv(reply.file)));
    });
  }
  kj::Promise<void> memory(MemoryContext context) override {
    return open(OpenOperation::memory).then([context](OpenReply reply) mutable {
      context.getResults().setMemory(open_file(kj::mv(reply.file)));
    });
  }
  kj::Promise<void> openMapping(OpenMappingContext context) override {
    OpenRequest request{.operation = OpenOperation::mapping};
    request.start = context.getParams().getStart();
    request.end = context.getParams().getEnd();
    link_->require(request.start < request.end, "an empty mapping");
    return open(request).then(
        [context](OpenReply reply) mutable { context.getResults().setFile(open_file(kj::mv(reply.file))); });
  }
  kj::Promise<void> openFile(OpenFileContext context) override {
    OpenRequest request{};
    const auto build_id = context.getParams().getBuildId();
    link_->require(build_id.size() <= kMaxBuildIdBytes, "a build id that is too long");
    switch (context.getParams().getName()) {
      case schema::WellKnownFile::PERF_MAP:
        request.operation = OpenOperation::perf_map;
        break;
      case schema::WellKnownFile::DEBUG_FILE:
        request.operation = OpenOperation::debug_file;
        request.build_id_bytes = static_cast<uint32_t>(build_id.size());
        std::copy(build_id.begin(), build_id.end(), request.build_id);
        break;
      default:
        KJ_UNIMPLEMENTED("a well-known file that this sampler does not know");
    }
    return open(request).then(
        [context](OpenReply reply) mutable { context.getResults().setFile(open_file(kj::mv(reply.file))); });
  }
  kj::Promise<void> environment(EnvironmentContext context) override {
    if (!link_->parts.allow_environment)
      kj::throwFatalException(exception_of(fail(Errc::denied, "the sampler was started without --allow-environment")));
    return open(OpenOperation::environment).then([context](OpenReply reply) mutable {
      context.getResults().setEnvironment(bytes_of(reply.texts[0]));
    });
  }
  kj::Promise<void> setMappings(SetMappingsContext context) override {
    auto& session = link_->use();
    const auto list = context.getParams().getMappings();
    link_->require(list.size() <= SP_MAX_MAPPINGS, "too many mappings");
    std::vector<sp_mapping> mappings;
    mappings.reserve(list.size());
    uint64_t end = 0;
    for (const auto& mapping : list) {
      const uint64_t start = mapping.getStart(), length = mapping.getLength();
      link_->require(start >= end && start % 4096 == 0 && length % 4096 == 0 && length > 0 &&
                         length <= kMaxMappingBytes && start + length > start,
                     "mappings that overlap or are out of range");
      // A table may have been removed while this request was on its way: that mapping has none now.
      const uint32_t table = session.has_table(mapping.getTable()) ? mapping.getTable() : 0;
      mappings.push_back({start, mapping.getBias(), static_cast<uint32_t>(length / 4096), table});
      end = start + length;
    }
    value_or_throw(session.lists.set(target().pid, mappings));
    link_->parts.counters.add(SamplerCounter::mapping_lists_set);
    return kj::READY_NOW;
  }

 private:
  Target target() {
    const auto found = link_->parts.targets.find(key_);
    if (!found) kj::throwFatalException(exception_of(fail(Errc::gone, "the process has ended or become another one")));
    return *found;
  }
  kj::Promise<OpenReply> open(OpenOperation operation) { return open(OpenRequest{.operation = operation}); }
  kj::Promise<OpenReply> open(OpenRequest request) {
    link_->use();
    const Target asked = target();
    if (asked.denied) kj::throwFatalException(exception_of(fail(Errc::denied, "the deny-list forbids to look")));
    request.pid = asked.pid;
    request.start_time_ns = asked.start_time_ns;
    return link_->parts.opener.open(request).then([this](Result<OpenReply> reply) {
      target();  // it may have become another program meanwhile: then nothing of it leaves
      return value_or_throw(std::move(reply));
    });
  }

  SharedLink link_;
  uint64_t key_;
};

class TableServer final : public schema::UnwindTable::Server {
 public:
  TableServer(SharedLink link, std::unique_ptr<Table> table, uint16_t index)
      : link_(std::move(link)), table_(std::move(table)), index_(index) {}
  ~TableServer() noexcept(false) {
    const uint32_t id = table_->id();
    table_.reset();
    if (!link_->session) return;
    link_->session->remove_table(id);
    link_->session->give_back_table_index(index_);
  }

  kj::Promise<void> addRows(AddRowsContext context) override {
    link_->use();
    const auto params = context.getParams();
    const auto list = params.getRows();
    link_->require(list.size() <= kMaxRowsPerCall && params.getCounts().size() <= SP_MAX_PAGES, "too many rows");
    check(table_->add_rows(params.getPage(), copy<uint16_t>(params.getCounts()), copy<uint32_t>(list)));
    return kj::READY_NOW;
  }
  kj::Promise<void> commit(CommitContext context) override {
    auto& session = link_->use();
    const uint32_t id = check(table_->commit());
    session.add_table(id);
    link_->parts.counters.add(SamplerCounter::tables_installed);
    context.getResults().setId(id);
    return kj::READY_NOW;
  }

 private:
  template <typename T>
  T check(Result<T> result) {
    if (result) return std::move(result).value();
    if (result.error().code == Errc::malformed) link_->violation(result.error().message);
    link_->parts.counters.add(SamplerCounter::tables_refused);
    kj::throwFatalException(exception_of(result.error()));
  }

  SharedLink link_;
  std::unique_ptr<Table> table_;
  uint16_t index_;
};

class TablesServer final : public schema::UnwindTables::Server {
 public:
  explicit TablesServer(SharedLink link) : link_(std::move(link)) {}

  kj::Promise<void> install(InstallContext context) override {
    auto& session = link_->use();
    const auto params = context.getParams();
    const auto index = session.take_table_index();
    if (!index) kj::throwFatalException(exception_of(fail(Errc::too_large, "all unwind tables are in use")));
    auto& parts = link_->parts;
    auto table = std::make_unique<Table>(parts.arena, parts.rules, parts.programs.executables_fd(), *index);
    std::vector<sp_rule> rules;
    link_->require(params.getRules().size() <= SP_MAX_RULES_PER_EXECUTABLE, "too many rules");
    for (uint64_t value : params.getRules()) {
      sp_rule rule;
      std::memcpy(&rule, &value, sizeof rule);
      rules.push_back(rule);
    }
    auto begun = table->begin(rules, params.getFirstPage(), params.getPages());
    auto server = kj::heap<TableServer>(link_, std::move(table), *index);
    if (!begun && begun.error().code == Errc::malformed) link_->violation(begun.error().message);
    if (!begun) parts.counters.add(SamplerCounter::tables_refused);
    value_or_throw(std::move(begun));
    context.getResults().setTable(kj::mv(server));
    return kj::READY_NOW;
  }

 private:
  SharedLink link_;
};

class SessionServer final : public schema::Session::Server {
 public:
  explicit SessionServer(SharedLink link) : link_(std::move(link)) {}

  kj::Promise<void> configure(ConfigureContext context) override {
    link_->use();
    const auto params = context.getParams();
    link_->require(params.getHz() <= kMaxHz && params.getCpus().size() <= kMaxCpus, "a rate or CPUs out of range");
    link_->parts.perf_events.configure(params.getHz(), copy<uint32_t>(params.getCpus()), params.getIdle());
    // The answer to "stop" means that everything taken has been handed over.
    if (auto result = link_->parts.drain.run(); !result) link_->violation(result.error().message);
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
  kj::Promise<void> process(ProcessContext context) override {
    link_->use();
    const uint64_t key = context.getParams().getKey();
    link_->require(link_->processes < kMaxProcessObjects, "too many processes held at once");
    if (!link_->parts.targets.find(key))
      kj::throwFatalException(exception_of(fail(Errc::not_found, "no process has this key")));
    context.getResults().setProcess(kj::heap<ProcessServer>(link_, key));
    return kj::READY_NOW;
  }
  kj::Promise<void> unwindTables(UnwindTablesContext context) override {
    link_->use();
    context.getResults().setTables(kj::heap<TablesServer>(link_));
    return kj::READY_NOW;
  }

 private:
  SharedLink link_;
};

class SamplerServer final : public schema::Sampler::Server {
 public:
  explicit SamplerServer(SharedLink link) : link_(std::move(link)) {}

  kj::Promise<void> connect(ConnectContext context) override {
    if (context.getParams().getVersion() != kProtocolVersion) KJ_UNIMPLEMENTED("a protocol version that does not fit");
    link_->require(!link_->session, "a second session on one connection");
    if (link_->active) {
      link_->parts.counters.add(SamplerCounter::peers_refused);
      kj::throwFatalException(KJ_EXCEPTION(OVERLOADED, "another processor is connected"));
    }
    link_->active = link_;
    link_->session = std::make_unique<Session>(link_->parts);
    log::info("session begun");
    auto results = context.getResults();
    results.setSession(kj::heap<SessionServer>(link_));
    results.setVersion(kProtocolVersion);
    results.setFeatures(0);
    return kj::READY_NOW;
  }

 private:
  SharedLink link_;
};

capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMaxMessageWords;
  options.nestingLimit = 8;
  return options;
}

bool peer_is_allowed(int fd, const PeerPolicy& policy) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return false;
  const bool allowed = peer.uid == getuid() || std::ranges::find(policy.uids, peer.uid) != policy.uids.end() ||
                       std::ranges::find(policy.gids, peer.gid) != policy.gids.end();
  if (!allowed) log::warn("connection of uid {} gid {} refused: see --allow-uid, --allow-gid", peer.uid, peer.gid);
  return allowed;
}

}  // namespace

struct Service::State final : private kj::TaskSet::ErrorHandler {
  State(kj::LowLevelAsyncIoProvider& provider, SamplerParts& all, PeerPolicy rules)
      : io(provider), parts(all), policy(std::move(rules)), connections(*this) {}
  kj::LowLevelAsyncIoProvider& io;
  SamplerParts& parts;
  PeerPolicy policy;
  SharedLink active;
  size_t n_connections = 0;
  kj::TaskSet connections;

 private:
  void taskFailed(kj::Exception&& exception) override { log::error("{}", exception.getDescription().cStr()); }
};

Service::Service(kj::LowLevelAsyncIoProvider& io, SamplerParts& parts, PeerPolicy policy)
    : state_(kj::heap<State>(io, parts, std::move(policy))) {}

Service::~Service() noexcept(false) {}

bool Service::busy() const {
  return state_->active != nullptr;
}

MappingLists* Service::lists() {
  return state_->active ? &state_->active->session->lists : nullptr;
}

void Service::end_connection(const std::string& why) {
  if (!state_->active) return;
  log::warn("the processor's connection ends: {}", why);
  state_->parts.counters.add(SamplerCounter::protocol_violations);
  state_->active->end->reject(KJ_EXCEPTION(FAILED, "protocol violation"));
}

kj::Promise<void> Service::serve(kj::AutoCloseFd connection) {
  struct Connection {
    kj::Own<kj::AsyncCapabilityStream> stream;
    capnp::TwoPartyVatNetwork network;
    capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
    Connection(kj::Own<kj::AsyncCapabilityStream> end, schema::Sampler::Client bootstrap)
        : stream(kj::mv(end)),
          network(*stream, kMaxDescriptorsFromPeer, capnp::rpc::twoparty::Side::SERVER, reader_options()),
          rpc(capnp::makeRpcServer(network, kj::mv(bootstrap))) {}
  };
  auto link = std::make_shared<Link>(state_->parts, state_->active);
  auto violation = kj::newPromiseAndFulfiller<void>();
  link->end = kj::mv(violation.fulfiller);
  ++state_->n_connections;
  auto stream = state_->io.wrapUnixSocketFd(kj::mv(connection));
  auto peer = kj::heap<Connection>(kj::mv(stream), kj::heap<SamplerServer>(link));
  auto ended = peer->network.onDisconnect().exclusiveJoin(kj::mv(violation.promise));
  return ended.attach(kj::mv(peer))
      .catch_([](kj::Exception&&) {})  // said where it was found
      .then([this, link]() {
        --state_->n_connections;
        if (state_->active == link) state_->active.reset();
        link->session.reset();
      });
}

kj::Promise<void> Service::listen(kj::UnixEventPort& port, kj::AutoCloseFd listener) {
  auto observer = kj::heap<kj::UnixEventPort::FdObserver>(port, listener, kj::UnixEventPort::FdObserver::OBSERVE_READ);
  return accept_next(*observer, listener).attach(kj::mv(observer), kj::mv(listener));
}

kj::Promise<void> Service::accept_next(kj::UnixEventPort::FdObserver& observer, int listener) {
  return observer.whenBecomesReadable().then([this, &observer, listener]() {
    while (true) {
      const int raw = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (raw < 0) break;
      kj::AutoCloseFd connection(raw);
      if (state_->n_connections < kMaxConnections && peer_is_allowed(connection, state_->policy))
        state_->connections.add(serve(kj::mv(connection)));
      else
        state_->parts.counters.add(SamplerCounter::peers_refused);
    }
    return accept_next(observer, listener);
  });
}

}  // namespace splitprof
