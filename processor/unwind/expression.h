// SPDX-License-Identifier: Apache-2.0
//
// Recognises the few DWARF expressions that unwind information really has; nothing is evaluated. Any other one is a
// rule of kind `expression`.
#pragma once

#include "processor/elf/bytes.h"
#include "processor/unwind/cfi.h"

namespace splitprof {

CfaRule cfa_rule_of_expression(Bytes expression, const UnwindRegisters& registers);
RegisterRule register_rule_of_expression(Bytes expression);

}  // namespace splitprof
