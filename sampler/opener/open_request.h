// SPDX-License-Identifier: Apache-2.0
//
// What the sampler asks of an opener, and what comes back: one SOCK_SEQPACKET message each, a descriptor beside the
// answer (SCM_RIGHTS). Both ends are the same binary and trust each other's layout, not each other's good health: sizes
// and numbers are checked on arrival.
#pragma once

#include <kj/io.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "sampler/opener/deny.h"
#include "shared/result.h"

namespace splitprof {

enum class OpenOperation : uint32_t {
  describe,        // cgroup, cmdline, exe link: three texts
  mappings,        // /proc/PID/maps
  memory,          // /proc/PID/mem, read-only
  mapping,         // the file behind the mapping [start, end)
  executable,      // /proc/PID/exe, while it is the file that is asked for
  perf_map,        // /tmp/perf-PID.map in the target's root, PID as the target sees itself
  debug_file,      // /usr/lib/debug/.build-id/xx/….debug in the target's root
  debug_link,      // a file of that name where debuggers look for one of the mapping [start, end)'s file
  dwz_file,        // /usr/lib/debug/.dwz/ and one or two components
  environment,     // /proc/PID/environ: one text
  kernel_symbols,  // /proc/kallsyms; pid and start time are 0
};

constexpr size_t kMaxBuildIdBytes = 64;
constexpr size_t kMaxFileNameBytes = 255;      // NAME_MAX; of two components together, too
constexpr size_t kMaxDescriptionBytes = 4096;  // of each of the three texts; /proc gives cgroup and link no more
constexpr size_t kMaxEnvironmentBytes = 64 * 1024;
constexpr size_t kMaxAnswerBytes = kMaxEnvironmentBytes;  // all texts of one answer

struct OpenRequest {
  uint64_t id = 0;  // given by OpenerClient
  OpenOperation operation = OpenOperation::describe;
  uint32_t pid = 0;             // thread group id, in the host's namespace
  uint64_t start_time_ns = 0;   // of the process, CLOCK_BOOTTIME: together they name it for ever
  uint64_t start = 0, end = 0;  // of the mapping
  uint32_t build_id_bytes = 0;
  uint8_t build_id[kMaxBuildIdBytes] = {};
  KernelIdentity executable;  // what BPF saw at the exec
  uint32_t file_name_bytes = 0;
  char file_name[kMaxFileNameBytes] = {};
  uint8_t pad[5] = {};
};

enum class OpenFailure : uint32_t {
  none,
  gone,                 // the process ended, or another one has its number
  denied_target,        // its executable is on the deny-list
  other_program,        // it does not run the executable that was asked for, or no longer
  not_regular,          // not a regular file
  foreign_file_system,  // not local: reading might never end
  wrong_owner,          // the file is neither the target's nor root's and readable by all
  unsupported,          // the kernel has no way to open it safely
  failed,               // a system call failed: `error` says how
  bad_request,
};

// Followed by the texts, one after another.
struct OpenAnswer {
  uint64_t id = 0;
  OpenFailure failure = OpenFailure::none;
  int32_t error = 0;  // errno
  uint32_t text_bytes[3] = {};
  uint32_t pad = 0;
};

// The same for whoever asked.
struct OpenReply {
  kj::AutoCloseFd file;  // none for texts
  std::string texts[3];  // describe: cgroup, command line, link of the executable; environment: the first
};
struct DecodedAnswer {
  uint64_t id = 0;
  Result<OpenReply> reply;
};
// Empty when the packet's sizes do not add up.
std::optional<DecodedAnswer> decode_answer(std::span<const std::byte> packet, kj::AutoCloseFd file);

static_assert(std::is_trivially_copyable_v<OpenRequest> && std::is_trivially_copyable_v<OpenAnswer>);

// Sends one packet, with a descriptor unless `passed_fd` is negative. False: see errno.
bool send_packet(int socket, std::span<const iovec> parts, int passed_fd = -1, int flags = 0);
// Receives one packet and the descriptor that came with it. Bytes received; 0 when the other side is gone; -1: see
// errno, EMSGSIZE for a packet larger than `into`.
ssize_t receive_packet(int socket, std::span<std::byte> into, kj::AutoCloseFd& passed_fd, int flags = 0);

}  // namespace splitprof
