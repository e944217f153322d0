// SPDX-License-Identifier: Apache-2.0
//
// Process.setRuntimes as it comes from the processor, to values that BPF may be given. Knows no session.
#pragma once

#include <vector>

#include "bpf/abi.h"
#include "schema/sampler.capnp.h"
#include "shared/result.h"

namespace splitprof {

// Errc::malformed where a bound of the schema is broken, and which.
Result<std::vector<sp_runtime>> read_runtimes(schema::Process::SetRuntimesParams::Reader params);

}  // namespace splitprof
