// SPDX-License-Identifier: Apache-2.0
//
// The sampler: start-up in the order in which privileges are used and given up, then the event loop.
#include <bpf/bpf.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/debug.h>
#include <signal.h>

#include <cstddef>
#include <optional>

#include "sampler/limits.h"
#include "sampler/opener/zygote.h"
#include "sampler/opener_client.h"
#include "sampler/privileges/privileges.h"
#include "sampler/service.h"
#include "sampler/start/listener.h"
#include "sampler/start/options.h"
#include "shared/log.h"

namespace splitprof {
namespace {

constexpr auto kDrainEvery = 100 * kj::MILLISECONDS;
constexpr uint32_t kPreparedChunks = 4;    // 1 MiB of tables: libc, libcrypto, an interpreter and what they load
constexpr unsigned kTicksPerSweep = 20;    // mapping lists of ended processes: every 2 s
constexpr unsigned kTicksPerHotplug = 10;  // CPUs that came or went: every second

template <typename T>
T value_or_exit(Result<T> result) {
  if (result) return std::move(result).value();
  log::error("{}", result.error().message);
  std::exit(1);
}

static_assert(kMaxDenyRules == SP_MAX_DENY && sizeof(KernelIdentity) == sizeof(sp_deny_exe) &&
              offsetof(KernelIdentity, device) == offsetof(sp_deny_exe, device));

template <typename Key>
void fill_set(int map, const std::vector<Key>& keys) {
  const uint8_t present = 1;
  for (const Key& key : keys) KJ_SYSCALL(bpf_map_update_elem(map, &key, &present, BPF_ANY));
}

void log_lines(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    log::info("{}", text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

// The event loop's own state: what happens ten times a second, and when to end.
class Loop {
 public:
  Loop(kj::AsyncIoContext& io, SamplerParts& parts, Service& service, uint32_t exit_idle_s)
      : io_(io),
        parts_(parts),
        service_(service),
        exit_idle_s_(exit_idle_s),
        wake_(io.unixEventPort, parts.drain.wake_fd(), kj::UnixEventPort::FdObserver::OBSERVE_READ) {}

  // Ends when nobody has been connected for --exit-idle seconds.
  kj::Promise<void> tick() {
    return io_.provider->getTimer().afterDelay(kDrainEvery).then([this]() -> kj::Promise<void> {
      drain(true);
      ++ticks_;
      if (auto* session = service_.session()) {
        if (ticks_ % kTicksPerSweep == 0) session->sweep();
        session->executables.expire();
      }
      if (ticks_ % kTicksPerHotplug == 0) parts_.perf_events.follow_hotplug();
      idle_ticks_ = service_.busy() ? 0 : idle_ticks_ + 1;
      if (exit_idle_s_ && idle_ticks_ >= exit_idle_s_ * 10) {
        log::info("nobody was connected for {} s: ending", exit_idle_s_);
        return kj::READY_NOW;
      }
      return tick();
    });
  }
  // BPF asks for attention before the next tick.
  kj::Promise<void> follow_wakes() {
    return wake_.whenBecomesReadable().then([this]() {
      drain(false);
      return follow_wakes();
    });
  }
  void drain(bool wake_for_events) {
    if (auto result = parts_.drain.run(wake_for_events); !result) service_.end_connection(result.error().message);
  }

 private:
  kj::AsyncIoContext& io_;
  SamplerParts& parts_;
  Service& service_;
  uint32_t exit_idle_s_;
  kj::UnixEventPort::FdObserver wake_;
  uint64_t ticks_ = 0, idle_ticks_ = 0;
};

// What the drain sees goes to the session that there is.
struct ToSession final : Drain::Listener {
  Service* service = nullptr;  // made after the drain
  Session* session() const { return service ? service->session() : nullptr; }
  void on_fork(uint32_t parent_pid, uint32_t pid) override {
    if (auto* to = session()) to->forked(parent_pid, pid);
  }
  void on_exec(const sp_exec& exec, uint64_t key) override {
    if (auto* to = session()) to->executables.take(exec, key);
  }
};

// Both sides of the accounting, once everything has stopped: docs/records.md, section 4.
void log_accounting(const Programs& programs, const SamplerCounters& counters) {
  const auto bpf = programs.counters();
  log::info(
      "accounting: samples_taken={} ring_lost={} no_client={} shared_ring_full={} odd_bpf_records={} published={} "
      "consumed={} abandoned={}",
      bpf[SP_COUNT_samples_taken], bpf[SP_COUNT_ring_lost], counters[SamplerCounter::no_client],
      counters[SamplerCounter::shared_ring_full], counters[SamplerCounter::odd_bpf_records],
      counters[SamplerCounter::published], counters[SamplerCounter::consumed], counters[SamplerCounter::abandoned]);
}

void run(int argc, char** argv) {
  const SamplerOptions options = parse_options(argc, argv);
  log::set_up("sampler", options.log_level);
  log::KjMessages kj_messages;
  kj::UnixEventPort::captureSignal(SIGTERM);
  kj::UnixEventPort::captureSignal(SIGINT);

  // What needs the starting user's rights.
  kj::AutoCloseFd connection(options.connection_fd);
  kj::AutoCloseFd listener;
  if (options.connection_fd < 0) listener = value_or_exit(open_listener(options.socket));
  const PeerPolicy policy = peer_policy(options.allow_uids, options.allow_gids);
  const StartPrivileges start = value_or_exit(start_privileges(options.user));
  for (const auto& note : start.notes) log::warn("{}", note);

  // The zygote before KJ, BPF and all that the sampler will know.
  Zygote zygote = value_or_exit(start_zygote(start, OpenerOptions{options.deny, options.file_systems}));
  value_or_exit(drop_to(Role::starting, start));

  SamplerCounters counters;
  Programs programs({.arena_slots = options.arena_slots});
  fill_set(programs.deny_exes_fd(), options.deny.executables);
  fill_set(programs.deny_uids_fd(), options.deny.uids);
  fill_set(programs.deny_cgroups_fd(), options.deny.cgroup_ids);
  SideBand side_band;
  const HostFacts host = read_host_facts();
  value_or_exit(drop_to(Role::sampler, start));

  auto io = kj::setupAsyncIo();
  Arena arena(programs.arena_fd(), programs.arena_slots());
  arena.prepare(kPreparedChunks);
  Rules rules(programs.rules_fd());
  Targets targets(target_capacity(), counters);
  PerfEvents perf_events(programs.sample_fd());
  OpenerClient opener(io.unixEventPort, io.provider->getTimer(), kj::mv(zygote), counters);
  ToSession to_session;
  Drain drain(programs, side_band, targets, counters, to_session);
  SamplerParts parts{programs,
                     perf_events,
                     arena,
                     rules,
                     targets,
                     opener,
                     drain,
                     counters,
                     io.provider->getTimer(),
                     host,
                     options.ring_bytes,
                     options.allow_environment};
  Service service(*io.lowLevelProvider, parts, policy);
  to_session.service = &service;
  Loop loop(io, parts, service, options.exit_idle_s);

  value_or_exit(install_seccomp(Role::sampler));
  log_lines(describe(Role::sampler, start));
  log_lines(describe(Role::opener, start));
  log::info("ready: programs loaded in {:.0f} ms", programs.load_ms());
  auto served =
      listener.get() >= 0 ? service.listen(io.unixEventPort, kj::mv(listener)) : service.serve(kj::mv(connection));
  auto signal = io.unixEventPort.onSignal(SIGTERM).exclusiveJoin(io.unixEventPort.onSignal(SIGINT)).ignoreResult();
  served.exclusiveJoin(loop.tick()).exclusiveJoin(loop.follow_wakes()).exclusiveJoin(kj::mv(signal)).wait(io.waitScope);

  perf_events.configure(0, {}, false);
  loop.drain(true);
  drain.set_sink(nullptr);
  log_accounting(programs, counters);
}

}  // namespace
}  // namespace splitprof

int main(int argc, char** argv) {
  try {
    splitprof::run(argc, argv);
    return 0;
  } catch (const kj::Exception& exception) {
    splitprof::log::error("{}", exception.getDescription().cStr());
    return 1;
  }
}
