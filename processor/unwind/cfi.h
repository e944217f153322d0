// SPDX-License-Identifier: Apache-2.0
//
// Runs the call frame instructions of one FDE into rows: from which address on the caller's stack pointer (CFA), frame
// pointer and return address are found how. A row says all that the instructions said about these three, so that it
// can be compared with readelf; what of it fits the kernel's rules is decided in table.h. A worker's; no state of its
// own but what is remembered about each CIE.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "processor/elf/file.h"
#include "processor/unwind/call_frames.h"
#include "processor/unwind/row_source.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

struct CfaRule {
  enum class Kind : uint8_t {
    none,             // nothing was said
    register_offset,  // reg + offset
    plt,              // sp + offset, and 8 more from byte 11 of each 16 bytes of code on
    deref,            // *(reg + offset) + addend
    expression,       // any other DWARF expression
  };
  Kind kind = Kind::none;
  uint16_t reg = 0;  // DWARF number; kNoRegister: larger than any that we know
  int64_t offset = 0;
  uint64_t addend = 0;  // of deref
  friend bool operator==(const CfaRule&, const CfaRule&) = default;
};

// How the caller's value of one register is found.
struct RegisterRule {
  enum class Kind : uint8_t {
    unspecified,     // nothing was said: by convention, as if `same`
    undefined,       // lost; of the return address: there is no caller
    same,            // not changed
    cfa_offset,      // *(cfa + offset)
    cfa_value,       // cfa + offset
    other_register,  // in `reg`
    at_register,     // *(reg + offset), said by an expression
    expression,      // *(any other DWARF expression)
    value,           // the value of a DWARF expression
  };
  Kind kind = Kind::unspecified;
  uint16_t reg = 0;
  int64_t offset = 0;
  friend bool operator==(const RegisterRule&, const RegisterRule&) = default;
};

constexpr uint16_t kNoRegister = 0xffff;

struct Row {
  ElfAddress start;  // the row holds from here to the next one, or to the end of its FDE
  CfaRule cfa;
  RegisterRule fp;
  RegisterRule ra;
  bool signal = false;  // of a signal trampoline: CIE augmentation 'S'
  friend bool operator==(const Row&, const Row&) = default;
};

// DWARF's numbers of the registers that matter (System V ABI for AMD64, figure 3.36; DWARF for Arm 64-bit,
// section 4.1).
struct UnwindRegisters {
  uint16_t fp = 0;
  uint16_t sp = 0;
};
constexpr UnwindRegisters unwind_registers(Machine machine) {
  return machine == Machine::x86_64 ? UnwindRegisters{.fp = 6, .sp = 7} : UnwindRegisters{.fp = 29, .sp = 31};
}

class CfiRunner {
 public:
  explicit CfiRunner(Machine machine) : machine_(machine), registers_(unwind_registers(machine)) {}

  // Replaces `rows` by the FDE's rows, starts strictly ascending from fde.start and below its end. When the
  // instructions are broken there is an error and no row. FDEs come from one reader.
  Result<> run(const Fde& fde, std::vector<Row>& rows);
  // The same as rules (rule.h), without a Row in between.
  Result<> run(const Fde& fde, std::vector<RuleRow>& rows);

 private:
  struct State {
    CfaRule cfa;
    CfaRule plain_cfa;  // the last one that was a register and an offset; `none` before the first
    RegisterRule fp;
    RegisterRule ra;
  };
  class Execution;
  Result<State> run_cie(const Cie& cie);
  template <typename EndRow>
  Result<> run_fde(const Fde& fde, EndRow end_row);

  const Machine machine_;
  const UnwindRegisters registers_;
  // By the CIE's number; empty when its instructions are broken. They run only once.
  std::vector<std::optional<State>> initial_;
  std::vector<State> remembered_;
};

}  // namespace splitprof
