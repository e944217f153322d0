// SPDX-License-Identifier: Apache-2.0
//
// Stands in for the outbox: a queue in memory without bounds.
#include <algorithm>
#include <deque>

#include "processor/backlog/outbox.h"

namespace splitprof {

struct Backlog::State {};
Backlog::~Backlog() = default;

struct Outbox::State {
  struct Entry {
    uint64_t number;
    std::shared_ptr<const Message> message;
    bool leased;
  };
  std::deque<Entry> entries;
  uint64_t last = 0;
  std::deque<Entry>::iterator find(uint64_t number) {
    return std::find_if(entries.begin(), entries.end(), [&](const Entry& one) { return one.number == number; });
  }
};
Outbox::Outbox(Limits, std::unique_ptr<Backlog>, ExporterMetrics&) : state_(std::make_unique<State>()) {}
Outbox::~Outbox() = default;
void Outbox::put(Message message) {
  state_->entries.push_back({++state_->last, std::make_shared<const Message>(std::move(message)), false});
}
std::optional<Outbox::Lease> Outbox::take() {
  for (auto& entry : state_->entries)
    if (!std::exchange(entry.leased, true)) return Lease{entry.number, entry.message};
  return std::nullopt;
}
void Outbox::done(uint64_t number) {
  state_->entries.erase(state_->find(number));
}
void Outbox::replace(uint64_t number, Message rest) {
  state_->find(number)->message = std::make_shared<const Message>(std::move(rest));
}
void Outbox::give_back(uint64_t number) {
  state_->find(number)->leased = false;
}
void Outbox::save_all() {}
bool Outbox::settled() const {
  return true;
}
bool Outbox::empty() const {
  return state_->entries.empty();
}
void Outbox::tick(uint64_t, uint64_t) {}

}  // namespace splitprof
