// SPDX-License-Identifier: Apache-2.0
//
// The identifier by which OpenTelemetry and Elasticsearch know an executable, whatever its name and build id: semantic
// conventions, process.executable.build_id.htlhash ("head, tail, length"). Reads 8 KiB of the file, on a worker.
#pragma once

#include <string>
#include <string_view>

#include "processor/ingest/input.h"
#include "shared/result.h"

namespace splitprof {

// The first 16 bytes of SHA-256 over the file's first 4,096 bytes, its last 4,096 bytes (both all of it when it is
// shorter) and its size, 8 bytes big-endian. 32 lower-case hexadecimal digits.
Result<std::string> read_htl_hash(ReadableFile& file);

// The same for the kernel and its modules, whose files nobody sees: FNV-1a of 128 bits over the digits of the build id,
// as the OpenTelemetry profiler does. A fixed identifier when there is none of at least 16 digits.
std::string kernel_htl_hash(std::string_view build_id);

}  // namespace splitprof
