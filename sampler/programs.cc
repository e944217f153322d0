// SPDX-License-Identifier: Apache-2.0
#include "sampler/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <kj/debug.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <vector>

#include "shared/log.h"
#include "splitprof_bpf.skel.h"

namespace splitprof {
namespace {

int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[1024];
  vsnprintf(line, sizeof line, format, arguments);
  std::string_view text(line);
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  log::warn("{}", text);
  return 0;
}

uint32_t ring_size(uint32_t wish, uint32_t cpus) {
  if (wish) return wish;
  return std::clamp(std::bit_ceil(cpus) << 20, 2u << 20, 64u << 20);
}

void attach(bpf_program* program, bpf_link** link) {
  *link = bpf_program__attach(program);
  KJ_REQUIRE(*link != nullptr, "cannot attach a tracepoint program", bpf_program__name(program), strerror(errno));
}

}  // namespace

Programs::Programs(const Options& options) : arena_slots_(options.arena_slots) {
  libbpf_set_print(log_libbpf);
  possible_cpus_ = static_cast<uint32_t>(std::max(1, libbpf_num_possible_cpus()));
  object_ = splitprof_bpf__open();
  KJ_REQUIRE(object_ != nullptr, "cannot open the BPF object", strerror(errno));
  bpf_map__set_max_entries(object_->maps.walks, possible_cpus_);
  bpf_map__set_max_entries(object_->maps.arena, arena_slots_);
  bpf_map__set_max_entries(object_->maps.ring, ring_size(options.ring_bytes, possible_cpus_));
  const auto before = std::chrono::steady_clock::now();
  const int error = splitprof_bpf__load(object_);
  KJ_REQUIRE(error == 0, "the kernel refused the BPF programs: `splitprof check` says what is missing",
             strerror(-error));
  load_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
  attach(object_->progs.process_fork, &object_->links.process_fork);
  attach(object_->progs.process_exec, &object_->links.process_exec);
  attach(object_->progs.process_exit, &object_->links.process_exit);
}

Programs::~Programs() {
  splitprof_bpf__destroy(object_);
}

int Programs::sample_fd() const {
  return bpf_program__fd(object_->progs.sample);
}
int Programs::arena_fd() const {
  return bpf_map__fd(object_->maps.arena);
}
int Programs::executables_fd() const {
  return bpf_map__fd(object_->maps.executables);
}
int Programs::rules_fd() const {
  return bpf_map__fd(object_->maps.rules);
}
int Programs::procs_fd() const {
  return bpf_map__fd(object_->maps.procs);
}
int Programs::runtimes_fd() const {
  return bpf_map__fd(object_->maps.runtimes);
}
int Programs::ring_fd() const {
  return bpf_map__fd(object_->maps.ring);
}
int Programs::deny_exes_fd() const {
  return bpf_map__fd(object_->maps.deny_exes);
}
int Programs::deny_uids_fd() const {
  return bpf_map__fd(object_->maps.deny_uids);
}
int Programs::deny_cgroups_fd() const {
  return bpf_map__fd(object_->maps.deny_cgroups);
}

void Programs::wake_at_exec(bool on) const {
  const uint32_t first = 0;
  const sp_settings settings{.wake_at_exec = on};
  KJ_SYSCALL(bpf_map_update_elem(bpf_map__fd(object_->maps.settings), &first, &settings, BPF_ANY));
}

Programs::Counters Programs::counters() const {
  Counters sums{};
  std::vector<uint64_t> per_cpu(possible_cpus_);
  for (uint32_t number = 0; number < SP_COUNT_MAX; ++number) {
    KJ_SYSCALL(bpf_map_lookup_elem(bpf_map__fd(object_->maps.counters), &number, per_cpu.data()));
    for (uint64_t value : per_cpu) sums[number] += value;
  }
  return sums;
}

}  // namespace splitprof
