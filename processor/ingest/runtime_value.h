// SPDX-License-Identifier: Apache-2.0
//
// RuntimeValue: what BPF is told of one interpreter in one process (struct sp_runtime of bpf/abi.h), as a plain value.
// The sampler checks every part of it against bpf/<name>.def.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/abi.h"
#include "shared/ids.h"

namespace splitprof {

struct CodeRange {
  RuntimeAddress start;
  uint64_t length = 0;  // bytes
  friend bool operator==(const CodeRange&, const CodeRange&) = default;
};

// How the C library keeps what pthread_setspecific() was given, once for each thread.
struct ThreadStorage {
  sp_storage kind = SP_STORAGE_NONE;
  int64_t offset = 0;  // bytes from the thread pointer
  friend bool operator==(const ThreadStorage&, const ThreadStorage&) = default;
};

// How a thread's own variable is reached.
struct ThreadLocal {
  sp_tls_access access = SP_TLS_NONE;
  uint64_t value = 0;  // see enum sp_tls_access; a negative offset as its two's complement
  friend bool operator==(const ThreadLocal&, const ThreadLocal&) = default;
};

struct RuntimeValue {
  sp_runtime_kind kind{};
  std::vector<CodeRange> loops;  // at most SP_MAX_CODE_RANGES, sorted, not overlapping
  ThreadLocal tls;
  ThreadStorage storage;
  std::vector<uint64_t> fields;  // as many as the runtime's list has
  friend bool operator==(const RuntimeValue&, const RuntimeValue&) = default;
};

}  // namespace splitprof
