// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/host_env.h"

#include "bpf/env.bpf.h"
#include "processor/unwind/host_steps.h"

namespace splitprof {
namespace {

// Of the walk in progress on this thread: the steps are C and have no argument to pass it by.
thread_local HostEnvironment* current = nullptr;

}  // namespace

void walk_on_host(sp_walk& walk, HostEnvironment& environment, uint32_t max_steps) {
  current = &environment;
  sp_host_steps(&walk, max_steps);
  current = nullptr;
}

void begin_interpreters_on_host(sp_walk& walk, HostEnvironment& environment,
                                std::span<const uint32_t, SP_MAX_PROCESS_RUNTIMES> references) {
  current = &environment;
  sp_host_begin_interpreters(&walk, references.data());
  current = nullptr;
}

}  // namespace splitprof

using splitprof::current;

long sp_read_user(void* to, __u32 size, __u64 address) {
  return current->read_user(address, {static_cast<std::byte*>(to), size}) ? 0 : -1;
}
__u64 sp_now() {
  return current->now_ns();
}
sp_chunk* sp_find_chunk(__u32 slot) {
  return current->find_chunk(slot);
}
sp_executable* sp_find_executable(__u32 index) {
  return current->find_executable(index);
}
sp_rule* sp_find_rule(__u32 number) {
  return current->find_rule(number);
}
sp_runtime* sp_find_runtime(__u32 number) {
  return current->find_runtime(number);
}
sp_met* sp_find_met() {
  return nullptr;  // nobody is woken here
}
void sp_count(__u32 counter) {
  current->count(counter);
}
