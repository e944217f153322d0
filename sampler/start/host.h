// SPDX-License-Identifier: Apache-2.0
//
// What this machine is: read once at start, from files of the kernel and of the host's own configuration.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace splitprof {

struct HostFacts {
  std::string boot_id, machine_id, host_name, kernel_release, kernel_version, architecture;
  std::string kernel_build_id;                               // raw bytes; empty: unknown
  std::vector<std::pair<std::string, std::string>> modules;  // name, raw build id; at most 1,024
};

HostFacts read_host_facts();

}  // namespace splitprof
