// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener_client.h"

#include <kj/debug.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>

namespace splitprof {
namespace {

using Fulfiller = kj::Own<kj::PromiseFulfiller<Result<OpenReply>>>;

struct Waiting {
  OpenRequest request;
  Fulfiller fulfiller;
};

struct Refused {
  uint32_t pid;
  uint64_t start_time_ns;
  kj::TimePoint until;
};

}  // namespace

struct OpenerClient::State final : private kj::TaskSet::ErrorHandler {
  struct Slot {
    kj::AutoCloseFd socket;
    kj::Own<kj::UnixEventPort::FdObserver> observer;
    pid_t pid = 0;  // 0: being replaced, or there will be no more
    kj::Maybe<Waiting> busy;
    kj::Promise<void> deadline = nullptr;
  };

  State(kj::UnixEventPort& port, kj::Timer& timer_in, Zygote zygote_in, SamplerCounters& counters_in)
      : timer(timer_in), zygote(kj::mv(zygote_in)), counters(counters_in), tasks(*this) {
    constexpr auto kRead = kj::UnixEventPort::FdObserver::OBSERVE_READ;
    for (size_t i = 0; i < kOpeners; ++i) {
      slots[i].socket = kj::mv(zygote.openers[i]);
      slots[i].pid = zygote.opener_pids[i];
      slots[i].observer = kj::heap<kj::UnixEventPort::FdObserver>(port, slots[i].socket.get(), kRead);
      tasks.add(watch(slots[i]));
    }
    control = kj::heap<kj::UnixEventPort::FdObserver>(port, zygote.control.get(), kRead);
    tasks.add(watch_control());
  }

  kj::Promise<Result<OpenReply>> open(OpenRequest request) {
    counters.add(SamplerCounter::opens);
    if (ended) return refuse(fail(Errc::timed_out, "opening has ended: too many openers are stuck"));
    if (is_refused(request)) {
      counters.add(SamplerCounter::opens_refused);
      return refuse(fail(Errc::timed_out, "the target did not answer within the last minute"));
    }
    auto& queue = request.operation == OpenOperation::executable ? takes : requests;
    if (queue.size() >= kMaxQueuedOpens) {
      counters.add(SamplerCounter::opens_queue_full);
      return refuse(fail(Errc::too_large, "too many opens are waiting"));
    }
    request.id = ++last_id;
    auto paf = kj::newPromiseAndFulfiller<Result<OpenReply>>();
    queue.push_back({.request = request, .fulfiller = kj::mv(paf.fulfiller)});
    give_out();
    return kj::mv(paf.promise);
  }

  kj::Promise<Result<OpenReply>> refuse(Error error) {
    counters.add(SamplerCounter::opens_failed);
    return Result<OpenReply>(std::move(error));
  }

  void finish(Waiting& waiting, Result<OpenReply> result) {
    if (!result) counters.add(SamplerCounter::opens_failed);
    waiting.fulfiller->fulfill(kj::mv(result));
  }

  static bool is_take(const Waiting& waiting) { return waiting.request.operation == OpenOperation::executable; }

  // The queue whose turn it is: programs that have just begun may not live for long; but they never hold more than half
  // of the openers, as any user can begin programs that make an opener hang.
  std::deque<Waiting>* next_queue() {
    size_t taking = 0;
    for (auto& slot : slots)
      KJ_IF_MAYBE (waiting, slot.busy) taking += is_take(*waiting);
    if (!takes.empty() && taking < kOpeners / 2) return &takes;
    return requests.empty() ? nullptr : &requests;
  }

  // Gives waiting requests to idle openers.
  void give_out() {
    for (auto& slot : slots) {
      while (slot.pid > 0 && slot.busy == nullptr) {
        auto* queue = next_queue();
        if (queue == nullptr) return;
        Waiting waiting = kj::mv(queue->front());
        queue->pop_front();
        if (!waiting.fulfiller->isWaiting()) continue;  // whoever asked has gone away
        if (is_refused(waiting.request)) {
          counters.add(SamplerCounter::opens_refused);
          finish(waiting, fail(Errc::timed_out, "the target did not answer within the last minute"));
          continue;
        }
        const iovec part{&waiting.request, sizeof(waiting.request)};
        if (!send_packet(slot.socket, {&part, 1}, -1, MSG_DONTWAIT)) {  // cannot be: an idle opener's socket is empty
          finish(waiting, fail(Errc::io, "asking an opener: {}", strerror(errno)));
          replace(slot);
          break;
        }
        slot.busy = kj::mv(waiting);
        slot.deadline =
            timer.afterDelay(kOpenDeadline).then([this, &slot] { timed_out(slot); }).eagerlyEvaluate(nullptr);
      }
    }
  }

  void timed_out(Slot& slot) {
    KJ_IF_MAYBE (waiting, slot.busy) {
      Waiting late = kj::mv(*waiting);
      slot.busy = nullptr;
      counters.add(SamplerCounter::opens_timed_out);
      if (refused.size() >= kMaxRefusedTargets) refused.pop_front();
      if (late.request.pid != 0)
        refused.push_back({late.request.pid, late.request.start_time_ns, timer.now() + kRefusalTime});
      replace(slot);
      finish(late, fail(Errc::timed_out, "the target did not answer within 250 ms"));
    }
  }

  void replace(Slot& slot) {
    slot.pid = 0;
    const ReplaceOpener command{.slot = static_cast<uint32_t>(&slot - slots.data())};
    const iovec part{const_cast<ReplaceOpener*>(&command), sizeof(command)};
    if (!send_packet(zygote.control, {&part, 1}, -1, MSG_DONTWAIT)) end_all("the zygote does not answer");
  }

  bool is_refused(const OpenRequest& request) {
    while (!refused.empty() && refused.front().until <= timer.now()) refused.pop_front();
    return std::any_of(refused.begin(), refused.end(), [&](const Refused& target) {
      return target.pid == request.pid && target.start_time_ns == request.start_time_ns;
    });
  }

  kj::Promise<void> watch(Slot& slot) {
    while (read_answer(slot)) continue;
    return slot.observer->whenBecomesReadable().then([this, &slot] { return watch(slot); });
  }

  // False when there is nothing more to read for now.
  bool read_answer(Slot& slot) {
    kj::AutoCloseFd file;
    const ssize_t got = receive_packet(slot.socket, buffer, file, MSG_DONTWAIT);
    if (got < 0 && errno == EMSGSIZE) return odd_answer();
    if (got <= 0) return false;
    auto answer = decode_answer(std::span(buffer).first(got), kj::mv(file));
    KJ_IF_MAYBE (waiting, slot.busy) {
      if (!answer || waiting->request.id != answer->id) return odd_answer();
      Waiting answered = kj::mv(*waiting);
      slot.busy = nullptr;
      slot.deadline = nullptr;
      finish(answered, kj::mv(answer->reply));
      give_out();
      return true;
    }
    return odd_answer();  // the answer of an opener that was killed meanwhile
  }

  bool odd_answer() {
    counters.add(SamplerCounter::opener_answers_odd);
    return true;
  }

  kj::Promise<void> watch_control() {
    for (;;) {
      OpenerReplaced report;
      kj::AutoCloseFd unexpected;
      const auto bytes = std::as_writable_bytes(std::span(&report, 1));
      const ssize_t got = receive_packet(zygote.control, bytes, unexpected, MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) return control->whenBecomesReadable().then([this] { return watch_control(); });
      if (got != sizeof(report) || report.slot >= kOpeners) {
        end_all("the zygote has ended");
        return kj::READY_NOW;
      }
      replaced(report);
    }
  }

  void replaced(const OpenerReplaced& report) {
    if (report.was_dead != 0) counters.add(SamplerCounter::openers_lost);
    if (report.stuck > stuck) counters.add(SamplerCounter::openers_stuck, report.stuck - stuck);
    stuck = report.stuck;
    slots[report.slot].pid = report.pid;
    if (report.pid <= 0) return end_all("too many openers are stuck in targets");
    give_out();
  }

  void end_all(const char* why) {
    if (ended) return;
    ended = true;
    spdlog::error("nothing can be opened any more: {}; restart the sampler", why);
    for (auto& slot : slots) slot.pid = 0;
    for (auto* queue : {&takes, &requests}) {
      for (auto& waiting : *queue) finish(waiting, fail(Errc::timed_out, "opening has ended"));
      queue->clear();
    }
  }

  void taskFailed(kj::Exception&& exception) override {
    spdlog::error("opener: {}", exception.getDescription().cStr());
    end_all("its event loop failed");
  }

  kj::Timer& timer;
  Zygote zygote;
  SamplerCounters& counters;
  std::array<Slot, kOpeners> slots;
  kj::Own<kj::UnixEventPort::FdObserver> control;
  std::deque<Waiting> takes, requests;  // of executables at exec; of everything else
  std::deque<Refused> refused;          // by the time of their end
  std::array<std::byte, sizeof(OpenAnswer) + kMaxAnswerBytes> buffer;
  uint64_t last_id = 0;
  uint32_t stuck = 0;
  bool ended = false;
  kj::TaskSet tasks;  // last: its tasks use all of the above
};

OpenerClient::OpenerClient(kj::UnixEventPort& port, kj::Timer& timer, Zygote zygote, SamplerCounters& counters)
    : state_(kj::heap<State>(port, timer, kj::mv(zygote), counters)) {}
OpenerClient::~OpenerClient() noexcept(false) = default;

kj::Promise<Result<OpenReply>> OpenerClient::open(OpenRequest request) {
  return state_->open(request);
}

bool OpenerClient::ended() const {
  return state_->ended;
}

std::vector<pid_t> OpenerClient::pids() const {
  std::vector<pid_t> pids{state_->zygote.pid};
  for (const auto& slot : state_->slots)
    if (slot.pid > 0) pids.push_back(slot.pid);
  return pids;
}

}  // namespace splitprof
