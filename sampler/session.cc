// SPDX-License-Identifier: Apache-2.0
#include "sampler/session.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "sampler/limits.h"
#include "shared/log.h"

namespace splitprof {

Session::Session(SamplerParts& all)
    : lists(all.arena, all.programs.procs_fd()),
      runtimes(all.arena, all.programs.runtimes_fd(), all.programs.procs_fd()),
      executables(all.opener, all.targets, all.timer, all.counters,
                  [&all](const sp_exec& exec, uint64_t key) { all.drain.tell_taken(exec, key); }),
      parts(all) {
  for (uint32_t index = kMaxTablesPerSession; index > 0; --index) free_indexes_.push_back(static_cast<uint16_t>(index));
  parts.counters.add(SamplerCounter::sessions);
  parts.programs.wake_at_exec(true);
}

// Sampling goes on: what it takes from here on counts as taken without a client.
Session::~Session() {
  parts.programs.wake_at_exec(false);
  if (sink_) parts.drain.set_sink(nullptr);
  log::info("session ended");
}

Result<int> Session::open_ring() {
  if (!sink_) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
      return fail(Errc::io, "socketpair: {}", strerror(errno));
    kj::AutoCloseFd ours(ends[0]);
    reader_wakeup_ = kj::AutoCloseFd(ends[1]);
    auto ring = TRY(RingWriter::create(parts.ring_bytes));
    sink_.emplace(RecordSink{std::move(ring), kj::mv(ours)});
    parts.drain.set_sink(&*sink_);
  }
  return reader_wakeup_.get();
}

void Session::forked(uint32_t parent_pid, uint32_t pid) {
  lists.forked(parent_pid, pid);
  runtimes.forked(parent_pid, pid);
}

void Session::sweep() {
  lists.sweep();
  runtimes.sweep();
}

std::optional<uint16_t> Session::take_table_index() {
  if (free_indexes_.empty()) return std::nullopt;
  const uint16_t index = free_indexes_.back();
  free_indexes_.pop_back();
  return index;
}

bool Session::has_table(uint32_t id) const {
  const auto known = table_ids_.find(SP_TABLE_INDEX(id));
  return known != table_ids_.end() && known->second == id;
}

}  // namespace splitprof
