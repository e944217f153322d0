// SPDX-License-Identifier: Apache-2.0
//
// Every bound on what the processor may ask for, each with its reason. A request past one of them ends the connection.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bpf/abi.h"

namespace splitprof {

constexpr uint32_t kProtocolVersion = 1;
constexpr uint32_t kMaxHz = 1000;    // 1 ms between samples: a walk may take half of that
constexpr uint32_t kMaxCpus = 8192;  // NR_CPUS of the largest distribution kernels
constexpr uint32_t kMaxTablesPerSession = SP_MAX_EXECUTABLES - 1;
constexpr uint32_t kMaxRowsPerCall = 65536;     // one chunk: the thread is busy for a few ms at most
constexpr uint64_t kMaxMessageWords = 1 << 20;  // 8 MiB: no request of the schema is larger
// Of one message. The processor has none to send; but Cap'n Proto 0.9.2 sends none where it would take none
// (TwoPartyVatNetwork::OutgoingMessageImpl::setFds). What comes is closed unread with its message.
constexpr unsigned kMaxDescriptorsPerMessage = 3;  // ring() answers with three
constexpr size_t kMaxConnections = 8;              // one has the session, the others are told so
constexpr size_t kMaxProcessObjects = 8192;        // Process capabilities held at once: twice the targets
constexpr uint64_t kMaxMappingBytes = 1ull << 44;
// Of a runtime's value; the bounds of its fields stand in its list in bpf/. BPF reads what they lead to only by helpers
// that fail harmlessly, so they are for mistakes more than for attacks.
constexpr uint64_t kMaxCodeRangeBytes = 16 << 20;    // CPython 3.6 to 3.13: 31 to 56 KB (readelf -s)
constexpr int64_t kMaxTlsOffset = int64_t{1} << 31;  // what R_X86_64_TPOFF32 can say (psABI x86-64 1.0, 4.4)
constexpr int64_t kMaxStorageOffset = 65536;         // struct pthread of glibc 2.36 has 2.3 KiB, that of musl less
// Executables taken at exec: what openers may be busy with, and how many descriptors may be held. 1,000 a second is
// more than a parallel build of two CPUs begins, by far; a burst is what the openers' queue holds.
constexpr uint64_t kTakenTokenNs = 1'000'000'000 / 1000;
constexpr uint64_t kTakenBurst = 200;
constexpr uint64_t kTakenSeconds = 2;  // time for the processor to ask for it
constexpr size_t kMaxTaken = kTakenSeconds * 1000 + kTakenBurst;
constexpr size_t kArenaReserveSlots = 8;  // kept for mapping lists when tables fill the rest

}  // namespace splitprof
