// SPDX-License-Identifier: Apache-2.0
//
// The signal trampoline of arm64's vDSO as a RowSource. Since Linux 5.8 no FDE describes it (arch/arm64/kernel/vdso/
// sigreturn.S says why), so it is known by its symbol. A worker's.
#pragma once

#include <memory>

#include "processor/unwind/row_source.h"

namespace splitprof {

// not_found: the file is not as small as a vDSO, not arm64's, or has no such symbol.
Result<std::unique_ptr<RowSource>> read_signal_return(const ElfFile& file);

}  // namespace splitprof
