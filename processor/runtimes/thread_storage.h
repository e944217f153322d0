// SPDX-License-Identifier: Apache-2.0
//
// Where a C library keeps what pthread_setspecific() was given: glibc says it to debuggers, musl's code says it. Asked
// once for each executable by a worker; nearly all answer that they are no C library.
#pragma once

#include <optional>

#include "processor/elf/file.h"
#include "processor/ingest/runtime_value.h"
#include "shared/result.h"

namespace splitprof {

// Nothing: the file does not define pthread_getspecific(). unsupported: it does in a way that is not understood.
Result<std::optional<ThreadStorage>> find_thread_storage(const ElfFile& file);

}  // namespace splitprof
