// SPDX-License-Identifier: Apache-2.0
//
// Loads the BPF object as the sampler does and prints, as JSON, how many instructions the kernel's verifier looked at
// for each program and how long loading all of them took. Attaches nothing.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "splitprof_bpf.skel.h"

int main() {
  splitprof_bpf* object = splitprof_bpf__open();
  if (object == nullptr) return 1;
  bpf_map__set_max_entries(object->maps.walks, static_cast<unsigned>(libbpf_num_possible_cpus()));
  bpf_map__set_max_entries(object->maps.arena, 16);
  bpf_map__set_max_entries(object->maps.ring, 2 << 20);
  const auto before = std::chrono::steady_clock::now();
  if (const int error = splitprof_bpf__load(object); error != 0) {
    fmt::print(stderr, "cannot load: {}\n", std::strerror(-error));
    return 1;
  }
  const double load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
  std::string list;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->obj) {
    bpf_prog_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) continue;
    list += fmt::format(
        R"({}{{"name": "{}", "instructions": {}, "translated_bytes": {}, "jited_bytes": {}, "load_ms": {:.1f}}})",
        list.empty() ? "" : ",\n ", bpf_program__name(program), info.verified_insns, info.xlated_prog_len,
        info.jited_prog_len, load_ms);
  }
  fmt::print("[{}]\n", list);
  splitprof_bpf__destroy(object);
}
