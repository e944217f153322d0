// SPDX-License-Identifier: Apache-2.0
#include "sampler/service.h"

#include <capnp/message.h>
#include <capnp/rpc-twoparty.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "sampler/limits.h"
#include "sampler/link.h"

namespace splitprof {
namespace {

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
    results.setSession(make_session_server(link_));
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

Session* Service::session() {
  return state_->active ? state_->active->session.get() : nullptr;
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
          network(*stream, kMaxDescriptorsPerMessage, capnp::rpc::twoparty::Side::SERVER, reader_options()),
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
