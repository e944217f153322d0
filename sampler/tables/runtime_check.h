// SPDX-License-Identifier: Apache-2.0
//
// What the processor may tell BPF of an interpreter: checked against bpf/runtimes.def and the interpreter's own list,
// without a word of knowledge about any of them. Touches no map.
#pragma once

#include <cstdint>
#include <span>

#include "bpf/abi.h"
#include "shared/result.h"

namespace splitprof {

// As it was asked for: any numbers, any lengths.
struct RuntimeRequest {
  uint16_t kind = 0;
  std::span<const sp_code_range> loops;
  uint8_t tls_access = SP_TLS_NONE;
  uint64_t tls_value = 0;
  uint8_t storage = SP_STORAGE_NONE;
  int64_t storage_offset = 0;
  std::span<const uint64_t> fields;
};

// The value that BPF reads, without a generation; or Errc::malformed and what is out of its bounds.
Result<sp_runtime> check_runtime(const RuntimeRequest& request);

}  // namespace splitprof
