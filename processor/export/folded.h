// SPDX-License-Identifier: Apache-2.0
//
// Folded stacks: one line a stack, `process;outermost;…;leaf COUNT`. Kernel frames end in `_[k]`, inlined ones in
// `_[i]`, those of a JIT compiler in `_[j]`. Lines are sorted name by name, equal ones are one, so equal profiles give
// equal files.
#pragma once

#include "processor/export/names.h"
#include "processor/traces/profile.h"
#include "shared/result.h"

namespace splitprof {

// Does not close `fd`.
Result<> write_folded(const Profile& profile, const Names& names, int fd);

}  // namespace splitprof
