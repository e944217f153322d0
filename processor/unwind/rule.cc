// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/rule.h"

#include <limits>

namespace splitprof {
namespace {

template <typename T>
bool fits(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// The kernel's signal frame, as glibc and musl describe it: the CFA is a value saved in it (an expression), or, on
// arm64, the frame record in it. 'S' alone may also mark an ordinary frame that begins at an exact address.
bool kernel_signal_frame(const CfaRule& cfa, bool signal, Machine machine) {
  return signal &&
         (machine == Machine::arm64 || cfa.kind == CfaRule::Kind::deref || cfa.kind == CfaRule::Kind::expression);
}

// How the CFA is found; SP_CFA_ASK when it cannot be said. Sets the rule's cfa and cfa_offset.
bool set_cfa(const CfaRule& cfa, Machine machine, sp_rule& rule) {
  const UnwindRegisters registers = unwind_registers(machine);
  if (!fits<int32_t>(cfa.offset)) return false;
  rule.cfa_offset = static_cast<int32_t>(cfa.offset);
  switch (cfa.kind) {
    case CfaRule::Kind::register_offset:
      if (cfa.reg == registers.sp) {
        rule.cfa = SP_CFA_SP;
      } else if (cfa.reg == registers.fp) {
        rule.cfa = SP_CFA_FP;
      } else if (cfa.reg < 16) {  // four bits hold no more
        rule.cfa = static_cast<uint8_t>(SP_CFA_REGISTER | cfa.reg << 4);
      } else {
        return false;
      }
      return true;
    case CfaRule::Kind::plt:
      rule.cfa = SP_CFA_PLT;
      return true;
    case CfaRule::Kind::deref:
      if (cfa.reg == registers.sp)
        rule.cfa = SP_CFA_DEREF_SP;
      else if (cfa.reg == registers.fp)
        rule.cfa = SP_CFA_DEREF_FP;
      else
        return false;
      if (cfa.addend % 8 != 0 || cfa.addend / 8 > 15) return false;
      rule.cfa |= static_cast<uint8_t>(cfa.addend / 8 << 4);
      return true;
    case CfaRule::Kind::expression:
    case CfaRule::Kind::none:
      return false;
  }
  return false;
}

// Where frame pointer and return address are. One offset serves both, so not every pair can be said.
bool set_saved(const RegisterRule& fp_rule, const RegisterRule& ra_rule, Machine machine, sp_rule& rule) {
  using Kind = RegisterRule::Kind;
  uint8_t fp;
  int64_t fp_offset = 0;
  switch (fp_rule.kind) {
    case Kind::unspecified:
    case Kind::same:
    case Kind::undefined:  // lost: whatever is there now is as good as anything
      fp = SP_FP_SAME;
      break;
    case Kind::cfa_offset:
      fp = SP_FP_CFA_OFFSET;
      fp_offset = fp_rule.offset;
      break;
    case Kind::at_register:
      if (fp_rule.reg != unwind_registers(machine).fp) return false;
      fp = SP_FP_FP_OFFSET;
      fp_offset = fp_rule.offset;
      break;
    default:
      return false;
  }
  uint8_t ra;
  const bool arm64 = machine == Machine::arm64;
  if (ra_rule.kind == Kind::cfa_offset) {
    if (arm64 && fp == SP_FP_CFA_OFFSET && ra_rule.offset == fp_rule.offset + 8) {
      ra = SP_RA_AFTER_FP;
    } else if (ra_rule.offset == -8) {
      ra = SP_RA_CFA_8;
    } else if (fp == SP_FP_SAME) {
      ra = SP_RA_CFA_OFFSET;
      fp_offset = ra_rule.offset;
    } else {
      return false;
    }
  } else if (arm64 && (ra_rule.kind == Kind::unspecified || ra_rule.kind == Kind::same)) {
    ra = SP_RA_REGISTER;
  } else {
    return false;
  }
  if (!fits<int16_t>(fp_offset)) return false;
  rule.fp_offset = static_cast<int16_t>(fp_offset);
  rule.saved = SP_RULE_SAVED(fp, ra);
  return true;
}

}  // namespace

sp_rule to_rule(const CfaRule& cfa, const RegisterRule& fp, const RegisterRule& ra, bool signal, Machine machine) {
  if (ra.kind == RegisterRule::Kind::undefined) return {.cfa = SP_CFA_END};
  if (kernel_signal_frame(cfa, signal, machine)) return {.cfa = SP_CFA_SIGNAL};
  if (cfa.kind == CfaRule::Kind::none) return {.cfa = SP_CFA_NONE};
  sp_rule rule{};
  if (!set_cfa(cfa, machine, rule) || !set_saved(fp, ra, machine, rule)) return {.cfa = SP_CFA_ASK};
  return rule;
}

}  // namespace splitprof
