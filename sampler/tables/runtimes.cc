// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/runtimes.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "sampler/tables/process_entry.h"
#include "shared/check.h"
#include "shared/log.h"

namespace splitprof {

// A value in the map, until its last process is gone.
class Runtimes::Value {
 public:
  Value(Runtimes& owner, uint16_t number, uint32_t generation)
      : owner_(owner), number_(number), generation_(generation) {}
  ~Value() {
    const uint32_t key = number_;
    const sp_runtime none{};
    if (bpf_map_update_elem(owner_.runtimes_, &key, &none, BPF_ANY) < 0)
      log::error("cannot remove a runtime's value: {}", strerror(errno));
    owner_.freed_.push_back(number_);
  }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  uint32_t reference() const { return SP_RUNTIME_REF(number_, generation_); }

 private:
  Runtimes& owner_;
  uint16_t number_;
  uint32_t generation_;
};

namespace {

// What an entry of the map of processes says.
template <typename Values>
auto references_to(const Values& values) {
  std::array<uint32_t, SP_MAX_PROCESS_RUNTIMES> references{};
  for (size_t i = 0; i < values.size(); ++i) references[i] = values[i]->reference();
  return references;
}

}  // namespace

Runtimes::Runtimes(Arena& arena, int runtimes, int procs) : arena_(arena), runtimes_(runtimes), procs_(procs) {
  for (uint16_t number = SP_MAX_RUNTIMES - 1; number > 0; --number) free_.push_back(number);
}

Runtimes::~Runtimes() {
  for (const auto& [tgid, values] : by_process_) bpf_map_delete_elem(procs_, &tgid);
  by_process_.clear();
}

Result<std::shared_ptr<Runtimes::Value>> Runtimes::install(sp_runtime value) {
  if (free_.empty()) return fail(Errc::too_large, "all {} runtime values are in use", SP_MAX_RUNTIMES - 1);
  const uint32_t key = free_.back();
  value.generation = arena_.next_generation();
  static_assert((SP_TABLE_GENERATION_MASK & ~SP_RUNTIME_GENERATION_MASK) == 0,
                "a generation is not 0 in a reference either");
  if (bpf_map_update_elem(runtimes_, &key, &value, BPF_ANY) < 0)
    return fail(Errc::io, "cannot install a runtime's value: {}", strerror(errno));
  free_.pop_back();
  return std::make_shared<Value>(*this, static_cast<uint16_t>(key), value.generation);
}

Result<> Runtimes::set(uint32_t tgid, std::span<const sp_runtime> values) {
  CHECK(values.size() <= SP_MAX_PROCESS_RUNTIMES);
  auto entry = TRY(ProcessEntry::read(procs_, tgid));
  if (values.empty() && !entry.value.runtimes[0]) return Ok{};
  Values installed;
  for (const sp_runtime& value : values) installed.push_back(TRY(install(value)));
  std::ranges::copy(references_to(installed), entry.value.runtimes);
  TRY(entry.write());
  by_process_[tgid] = std::move(installed);  // those before go when their last process does
  return Ok{};
}

void Runtimes::forked(uint32_t parent_tgid, uint32_t tgid) {
  const auto parent = by_process_.find(parent_tgid);
  if (parent == by_process_.end() || parent_tgid == tgid) return;
  // The child may have its own by now, or be another program already; its number may have been another's before.
  sp_proc entry;
  const auto references = references_to(parent->second);
  if (bpf_map_lookup_elem(procs_, &tgid, &entry) == 0 && std::ranges::equal(entry.runtimes, references))
    by_process_.insert_or_assign(tgid, Values(parent->second));
}

void Runtimes::sweep() {
  free_.insert(free_.end(), resting_.begin(), resting_.end());
  resting_ = std::move(freed_);
  freed_.clear();
  sp_proc entry;
  std::erase_if(by_process_, [&](const auto& user) {
    return bpf_map_lookup_elem(procs_, &user.first, &entry) < 0 ||
           !std::ranges::equal(entry.runtimes, references_to(user.second));
  });
}

}  // namespace splitprof
