// SPDX-License-Identifier: Apache-2.0
//
// What of a row fits one of the kernel's rules (struct sp_rule, bpf/abi.h). Values in, values out.
#pragma once

#include <bit>
#include <cstdint>

#include "bpf/abi.h"
#include "processor/elf/file.h"
#include "processor/unwind/cfi.h"

namespace splitprof {

// The rule that says what a row says; one with SP_CFA_ASK when none does.
sp_rule to_rule(const CfaRule& cfa, const RegisterRule& fp, const RegisterRule& ra, bool signal, Machine machine);
inline sp_rule to_rule(const Row& row, Machine machine) {
  return to_rule(row.cfa, row.fp, row.ra, row.signal, machine);
}

// Its bytes as a little-endian number: how InstallTable holds it.
inline uint64_t rule_word(const sp_rule& rule) {
  return std::bit_cast<uint64_t>(rule);
}

}  // namespace splitprof
