// SPDX-License-Identifier: Apache-2.0
//
// The sampler's configuration: command-line flags, nothing else. Anything that needs a file format is the processor's.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sampler/opener/deny.h"
#include "shared/log.h"

namespace splitprof {

struct SamplerOptions {
  std::string socket = "/run/splitprof/sampler.sock";
  int connection_fd = -1;  // an inherited connected socket instead
  std::string user;        // to become, when started as root
  std::vector<uid_t> allow_uids;
  std::vector<gid_t> allow_gids;
  DenyList deny;
  std::vector<std::string> file_systems;
  bool allow_environment = false;
  uint32_t exit_idle_s = 0;  // 0: never
  size_t ring_bytes = 8u << 20;
  uint32_t arena_slots = 1024;
  log::Level log_level = log::Level::info;
};

// Prints help, or what is wrong, and ends the process where that is all there is to do.
SamplerOptions parse_options(int argc, char** argv);

}  // namespace splitprof
