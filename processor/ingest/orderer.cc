// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/orderer.h"

#include <algorithm>

namespace splitprof {
namespace {

// Records kept for reuse: 100 ms of 10,000 a second, and what each may hold on to is bounded by a message's size.
constexpr size_t kMaxFree = 1024;

}  // namespace

bool Orderer::later(const Entry& a, const Entry& b) {
  return a.time_ns != b.time_ns ? a.time_ns > b.time_ns : a.sequence > b.sequence;
}

Record& Orderer::slot() {
  if (slot_ == nullptr && !free_.empty()) {
    slot_ = std::move(free_.back());
    free_.pop_back();
  }
  if (slot_ == nullptr) slot_ = std::make_unique<Record>();
  return *slot_;
}

void Orderer::push(uint64_t time_ns, size_t message_bytes) {
  if (time_ns < last_popped_ns_) ++metrics_.records_late;
  heap_.push_back({time_ns, sequence_++, message_bytes, std::move(slot_)});
  std::push_heap(heap_.begin(), heap_.end(), later);
  bytes_ += message_bytes;
}

void Orderer::advance(uint64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
}

Record* Orderer::pop() {
  if (heap_.empty()) return nullptr;
  const bool too_many = heap_.size() > limits_.max_records || bytes_ > limits_.max_bytes;
  if (heap_.front().time_ns + limits_.slack_ns <= now_ns_) return pop_any();
  if (!too_many) return nullptr;
  ++metrics_.records_early;
  return pop_any();
}

Record* Orderer::pop_any() {
  recycle();
  if (heap_.empty()) return nullptr;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  auto& entry = heap_.back();
  last_popped_ns_ = std::max(last_popped_ns_, entry.time_ns);
  bytes_ -= entry.bytes;
  popped_ = std::move(entry.record);
  heap_.pop_back();
  return popped_.get();
}

void Orderer::recycle() {
  if (popped_ != nullptr && free_.size() < kMaxFree) free_.push_back(std::move(popped_));
  popped_.reset();
}

}  // namespace splitprof
