// SPDX-License-Identifier: Apache-2.0
//
// One open of a target: what an opener does with a request. May sleep for as long as the target's owner likes (a FUSE
// mount, an execve that never ends), so it runs in a process that can be killed, and nowhere else.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sampler/opener/deny.h"
#include "sampler/opener/mounts.h"
#include "sampler/opener/open_request.h"

namespace splitprof {

struct Opened {
  OpenFailure failure = OpenFailure::none;
  int error = 0;  // errno of what failed
  kj::AutoCloseFd file;
  std::string texts[3];
};

Opened open_target(const OpenRequest& request, const DenyList& deny, Mounts& mounts);

// Field 22 of /proc/PID/stat, in clock ticks. The command's name before it may contain anything, parentheses too.
std::optional<uint64_t> parse_start_ticks(std::string_view stat);
// A line of numbers of /proc/PID/status, "Uid" or "NSpid": number `index` of it.
std::optional<uint32_t> parse_status_number(std::string_view status, std::string_view name, unsigned index);

}  // namespace splitprof
