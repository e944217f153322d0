// SPDX-License-Identifier: Apache-2.0
//
// The zygote: a process forked before KJ and BPF exist, which holds the capabilities for opening targets but touches
// none. It forks openers, kills one when it is told to, and forks another in its place. It ends with the sampler. This
// header is all that the sampler's other parts see of this folder; the deny-list comes from their command line.
#pragma once

#include <kj/io.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sampler/opener/deny.h"
#include "sampler/opener/open_request.h"
#include "sampler/privileges/privileges.h"
#include "shared/result.h"

namespace splitprof {

// An opener that hangs is lost for 250 ms, so a user with many hanging processes can hold all of them for a while: with
// four, others are served as long as fewer than 16 such processes are asked for per second.
constexpr size_t kOpeners = 4;
constexpr uint32_t kMaxStuckOpeners = 4;

struct OpenerOptions {
  DenyList deny;
  std::vector<std::string> file_systems;  // types to open files on, besides the local ones
};

// The sampler asks for a slot's opener to be killed and replaced…
struct ReplaceOpener {
  uint32_t slot = 0;
};
// … and is told about each new one.
struct OpenerReplaced {
  uint32_t slot = 0;
  int32_t pid = 0;        // of the new opener; 0: there will be no more
  uint32_t was_dead = 0;  // 1: the old one had ended by itself
  uint32_t stuck = 0;     // openers that have been killed and are not dead
};

// The sampler's ends. Closing `control` ends the zygote and its openers.
struct Zygote {
  pid_t pid = 0;
  kj::AutoCloseFd control;
  std::array<kj::AutoCloseFd, kOpeners> openers;
  std::array<pid_t, kOpeners> opener_pids{};
};

// Forks it; call before there are threads, an event loop, or descriptors that it should not hold. Returns in the parent
// only, when all openers run.
Result<Zygote> start_zygote(const StartPrivileges& start, const OpenerOptions& options);

}  // namespace splitprof
