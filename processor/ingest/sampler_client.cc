// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/sampler_client.h"

#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/debug.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>

#include "processor/ingest/requests.h"
#include "shared/ring.h"

namespace splitprof {
namespace {

constexpr auto kTick = 100 * kj::MILLISECONDS;
// Records between two looks at everything else: at a million records a second, 16,000 looks.
constexpr unsigned kRecordsPerPoll = 64;
// Descriptors in one message: ring() sends three.
constexpr unsigned kMaxFdsPerMessage = 4;
constexpr uint32_t kVersion = 1;  // of Sampler.connect

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

kj::AsyncIoContext setup_io(bool take_signals) {
  if (take_signals) {  // before any thread exists, so that all of them have the signals blocked
    kj::UnixEventPort::captureSignal(SIGINT);
    kj::UnixEventPort::captureSignal(SIGTERM);
  }
  return kj::setupAsyncIo();
}

// The flags are set here because KJ would use ioctl for it, which the sandbox has no other need to allow.
kj::Own<kj::AsyncCapabilityStream> wrap(kj::LowLevelAsyncIoProvider& provider, kj::AutoCloseFd connection) {
  using Provider = kj::LowLevelAsyncIoProvider;
  const int fd = connection.release();
  int flags = 0;
  KJ_SYSCALL(flags = fcntl(fd, F_GETFL));
  KJ_SYSCALL(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
  KJ_SYSCALL(fcntl(fd, F_SETFD, FD_CLOEXEC));
  return provider.wrapUnixSocketFd(fd,
                                   Provider::TAKE_OWNERSHIP | Provider::ALREADY_CLOEXEC | Provider::ALREADY_NONBLOCK);
}

capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 1u << 20;  // 8 MiB; the largest answer is that of environment(), 64 KiB
  options.nestingLimit = 16;
  return options;
}

schema::Sampler::Client bootstrap(capnp::RpcSystem<capnp::rpc::twoparty::VatId>& rpc) {
  capnp::MallocMessageBuilder message(4);
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc.bootstrap(vat).castAs<schema::Sampler>();
}

schema::Session::Client greet(schema::Sampler::Client sampler) {
  auto request = sampler.connectRequest();
  request.setVersion(kVersion);
  return request.send().getSession();
}

int make_eventfd() {
  int fd = -1;
  KJ_SYSCALL(fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return fd;
}

}  // namespace

Result<kj::AutoCloseFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return fail(Errc::too_large, "socket path longer than 107 bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  kj::AutoCloseFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail(Errc::io, "socket: {}", strerror(errno));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return fail(Errc::io, "{}: {}", path, strerror(errno));
  return kj::mv(fd);
}

struct SamplerClient::State final : private kj::TaskSet::ErrorHandler {
  explicit State(kj::AutoCloseFd connection, const Options& options)
      : io(setup_io(options.take_signals)),
        stream(wrap(*io.lowLevelProvider, kj::mv(connection))),
        network(*stream, kMaxFdsPerMessage, capnp::rpc::twoparty::Side::CLIENT, reader_options()),
        rpc(capnp::makeRpcClient(network)),
        session(greet(bootstrap(rpc))),
        finished_jobs(make_eventfd()),
        jobs_observer(io.unixEventPort, finished_jobs, kj::UnixEventPort::FdObserver::OBSERVE_READ),
        workers(options.workers, [fd = finished_jobs.get()] { eventfd_write(fd, 1); }),
        requests(session, workers,
                 [this](Ticket ticket, Result<AnswerValue> answer) {
                   push(AnswerEvent{ticket, std::move(answer)});
                 }),
        tasks(*this) {
    open_ring();
    tasks.add(watch_wakeups());
    tasks.add(watch_jobs());
    tasks.add(tick());
    tasks.add(network.onDisconnect().then([this] { push(DisconnectedEvent{"the sampler closed the connection"}); }));
    if (options.take_signals) {
      tasks.add(watch_signal(SIGINT));
      tasks.add(watch_signal(SIGTERM));
    }
    connected_ns = monotonic_ns();
  }

  void open_ring() {
    auto ring = session.ringRequest().send().wait(io.waitScope);
    auto data = take_descriptor(ring.getData()).wait(io.waitScope);
    auto position = take_descriptor(ring.getPosition()).wait(io.waitScope);
    wakeup = take_descriptor(ring.getWakeup()).wait(io.waitScope);
    auto opened = RingReader::open(kj::mv(data), kj::mv(position));
    KJ_REQUIRE(opened.has_value(), "the sampler's ring", opened.error().message.c_str());
    reader.emplace(std::move(*opened));
    wakeup_observer.emplace(io.unixEventPort, wakeup, kj::UnixEventPort::FdObserver::OBSERVE_READ);
  }

  kj::Promise<void> watch_wakeups() {
    return wakeup_observer->whenBecomesReadable().then([this]() -> kj::Promise<void> {
      char bytes[256];
      ssize_t n = 0;
      while ((n = recv(wakeup, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
      }
      wake();
      if (n == 0) return kj::READY_NOW;  // closed: the connection ends as well
      return watch_wakeups();
    });
  }

  kj::Promise<void> watch_jobs() {
    return jobs_observer.whenBecomesReadable().then([this] {
      eventfd_t count = 0;
      eventfd_read(finished_jobs, &count);
      for (auto& job : workers.take_finished())
        if (auto other = requests.collect(std::move(job))) push(JobEvent{std::move(other)});
      memory_to_return = true;
      return watch_jobs();
    });
  }

  kj::Promise<void> tick() {
    return io.provider->getTimer().afterDelay(kTick).then([this] {
      const uint64_t now_ns = monotonic_ns();
      jobs_abandoned += workers.abandon_hung(now_ns);
      if (!tick_waits) push(TickEvent{now_ns});
      tick_waits = true;
      // Files are read whole sections at a time and let go; without this the allocator keeps the largest ever seen.
      if (memory_to_return && events.size() == 1 && workers.unfinished() == 0) {
        malloc_trim(0);
        memory_to_return = false;
      }
      return tick();
    });
  }

  kj::Promise<void> watch_signal(int signal) {
    return io.unixEventPort.onSignal(signal).then([this, signal](siginfo_t) {
      push(StopEvent{});
      return watch_signal(signal);
    });
  }

  void push(Event event) {
    events.push_back(std::move(event));
    wake();
  }
  void wake() {
    if (waker.get() != nullptr) waker->fulfill();
  }
  void taskFailed(kj::Exception&& exception) override { push(DisconnectedEvent{exception.getDescription().cStr()}); }

  Event pop() {
    auto event = std::move(events.front());
    events.pop_front();
    if (std::holds_alternative<TickEvent>(event)) tick_waits = false;
    return event;
  }

  // The next record, or nothing. What was read before is given back only when there is nothing more.
  std::optional<Event> next_record() {
    if (!reader) return std::nullopt;
    auto message = reader->next();
    if (!message) {
      reader.reset();  // a writer that broke the layout is not read any more
      return DisconnectedEvent{message.error().message};
    }
    if (!*message) return std::nullopt;
    return RecordEvent{(*message)->format, (*message)->words};
  }

  Event next() {
    for (;;) {
      if (!events.empty()) return pop();
      if (++records_since_poll >= kRecordsPerPoll) {
        records_since_poll = 0;
        if (reader) reader->release();
        io.waitScope.poll();
        continue;
      }
      if (auto event = next_record()) return std::move(*event);
      // The writer wakes a reader that has given everything back. Look again after giving back: a record may have come
      // in between, and for it nobody would be woken.
      if (reader) reader->release();
      if (auto event = next_record()) return std::move(*event);
      auto pair = kj::newPromiseAndFulfiller<void>();
      waker = kj::mv(pair.fulfiller);
      pair.promise.wait(io.waitScope);
      waker = nullptr;
      records_since_poll = 0;
    }
  }

  kj::AsyncIoContext io;
  kj::Own<kj::AsyncCapabilityStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
  schema::Session::Client session;
  kj::AutoCloseFd finished_jobs;  // an eventfd
  kj::UnixEventPort::FdObserver jobs_observer;
  Workers workers;
  Requests requests;
  kj::AutoCloseFd wakeup;
  std::optional<kj::UnixEventPort::FdObserver> wakeup_observer;
  std::optional<RingReader> reader;
  std::deque<Event> events;
  bool tick_waits = false;        // one tick in `events` is enough
  bool memory_to_return = false;  // jobs have finished since the allocator was last asked to
  unsigned records_since_poll = 0;
  kj::Own<kj::PromiseFulfiller<void>> waker;  // set while next() sleeps
  uint64_t connected_ns = 0;
  uint64_t jobs_abandoned = 0;
  uint64_t jobs_dropped = 0;
  kj::TaskSet tasks;
};

SamplerClient::SamplerClient(kj::AutoCloseFd connection, Options options)
    : state_(std::make_unique<State>(kj::mv(connection), options)) {}
SamplerClient::~SamplerClient() = default;

Event SamplerClient::next() {
  return state_->next();
}
void SamplerClient::ask(Ticket ticket, Question question) {
  state_->requests.ask(ticket, std::move(question));
}
void SamplerClient::start(std::unique_ptr<Job> job) {
  if (!state_->workers.submit(std::move(job))) ++state_->jobs_dropped;
}
void SamplerClient::stop() {
  state_->push(StopEvent{});
}
uint64_t SamplerClient::connected_ns() const {
  return state_->connected_ns;
}
size_t SamplerClient::unfinished_jobs() const {
  return state_->workers.unfinished();
}
uint64_t SamplerClient::jobs_abandoned() const {
  return state_->jobs_abandoned;
}
uint64_t SamplerClient::jobs_dropped() const {
  return state_->jobs_dropped;
}

}  // namespace splitprof
