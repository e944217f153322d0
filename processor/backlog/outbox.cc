// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/outbox.h"

#include <map>
#include <utility>

#include "shared/check.h"

namespace splitprof {
namespace {

struct Leased {
  std::shared_ptr<const Message> message;
  bool kept = false;  // the backlog has it as it is
};

}  // namespace

struct Outbox::State {
  Limits limits;
  std::unique_ptr<Backlog> backlog;  // may be null
  ExporterMetrics& metrics;
  // By number, which is the order. What waits in memory, and what is being sent.
  std::map<uint64_t, std::shared_ptr<const Message>> waiting;
  std::map<uint64_t, Leased> leased;
  uint64_t bytes = 0;  // of the bodies of both
  uint64_t next_number = 1;

  bool full(size_t more_bytes) const {
    const size_t messages = waiting.size() + leased.size();
    return messages > 0 && (messages >= limits.max_messages || bytes + more_bytes > limits.max_bytes);
  }

  void move_to_disk() {
    for (const auto& [number, message] : std::exchange(waiting, {})) {
      bytes -= message->body.size();
      backlog->append(number, *message);
    }
  }

  void give_up_oldest() {
    const auto oldest = waiting.begin();
    const Message& message = *oldest->second;
    metrics.items_given_up += message.items;
    metrics.samples_given_up += message.samples;
    metrics.samples_waiting -= message.samples;
    bytes -= message.body.size();
    waiting.erase(oldest);
  }

  Lease lease(uint64_t number, std::shared_ptr<const Message> message, bool kept) {
    leased.emplace(number, Leased{message, kept});
    return {number, std::move(message)};
  }

  // Of those that are being sent; it is no longer counted.
  Leased end_lease(uint64_t number) {
    const auto found = leased.find(number);
    CHECK(found != leased.end());
    Leased ended = std::move(found->second);
    leased.erase(found);
    bytes -= ended.message->body.size();
    return ended;
  }
};

Outbox::Outbox(Limits limits, std::unique_ptr<Backlog> backlog, ExporterMetrics& metrics)
    : state_(new State{.limits = limits, .backlog = std::move(backlog), .metrics = metrics}) {
  if (state_->backlog) state_->next_number = state_->backlog->first_free_number();
}

Outbox::~Outbox() = default;

void Outbox::put(Message message) {
  State& state = *state_;
  const uint64_t number = state.next_number++;
  state.metrics.samples_waiting += message.samples;
  const size_t size = message.body.size();
  if (state.backlog && (state.backlog->oldest_waiting() || state.full(size))) {
    state.backlog->append(number, message);
    return;
  }
  const bool full = state.full(size);
  state.bytes += size;
  state.waiting.emplace(number, std::make_shared<const Message>(std::move(message)));
  if (!full) return;
  while (!state.waiting.empty() &&
         (state.waiting.size() + state.leased.size() > state.limits.max_messages ||
          (state.bytes > state.limits.max_bytes && state.waiting.size() + state.leased.size() > 1)))
    state.give_up_oldest();
}

std::optional<Outbox::Lease> Outbox::take() {
  State& state = *state_;
  const auto first = state.waiting.begin();
  const auto on_disk = state.backlog ? state.backlog->oldest_waiting() : std::nullopt;
  if (first != state.waiting.end() && (!on_disk || first->first < *on_disk)) {
    auto [number, message] = *first;
    state.waiting.erase(first);
    return state.lease(number, std::move(message), false);
  }
  if (!on_disk || state.full(0)) return std::nullopt;
  auto entry = state.backlog->take();
  if (!entry) return std::nullopt;
  auto message = std::make_shared<const Message>(std::move(entry->message));
  state.bytes += message->body.size();
  return state.lease(entry->number, std::move(message), true);
}

void Outbox::done(uint64_t number) {
  State& state = *state_;
  const Leased ended = state.end_lease(number);
  state.metrics.samples_waiting -= ended.message->samples;
  if (state.backlog) state.backlog->forget(number);
}

void Outbox::replace(uint64_t number, Message rest) {
  State& state = *state_;
  const auto found = state.leased.find(number);
  CHECK(found != state.leased.end());
  Leased& leased = found->second;
  CHECK(rest.samples <= leased.message->samples);
  state.metrics.samples_waiting -= leased.message->samples - rest.samples;
  state.bytes = state.bytes - leased.message->body.size() + rest.body.size();
  leased = {std::make_shared<const Message>(std::move(rest)), false};
}

void Outbox::give_back(uint64_t number) {
  State& state = *state_;
  const Leased back = state.end_lease(number);
  if (!state.backlog) {
    state.bytes += back.message->body.size();
    state.waiting.emplace(number, back.message);
    return;
  }
  // What is on disk of an older form of it is replaced.
  if (!back.kept)
    state.backlog->append(number, *back.message);
  else
    state.backlog->give_back(number, back.message->samples);
  state.move_to_disk();
}

void Outbox::save_all() {
  State& state = *state_;
  if (!state.backlog) return;
  state.move_to_disk();
  for (auto& [number, leased] : state.leased) {
    if (leased.kept) continue;
    state.backlog->append(number, *leased.message, true);
    leased.kept = true;
  }
}

bool Outbox::settled() const {
  return !state_->backlog || state_->backlog->settled();
}

bool Outbox::empty() const {
  return state_->waiting.empty() && state_->leased.empty() && (!state_->backlog || state_->backlog->empty());
}

void Outbox::tick(uint64_t monotonic_ns, uint64_t unix_ns) {
  if (state_->backlog) state_->backlog->tick(monotonic_ns, unix_ns);
}

}  // namespace splitprof
