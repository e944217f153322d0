// SPDX-License-Identifier: Apache-2.0
//
// Instructions: DWARF 5, sections 6.4.2 and 7.24 (table 7.29); expressions: sections 2.5 and 7.7.
#include "processor/unwind/cfi.h"

#include "processor/unwind/expression.h"
#include "processor/unwind/rule.h"

namespace splitprof {
namespace {

constexpr size_t kMaxRowsOfFunction = 1 << 18;  // node 20 has 894 at most, libLLVM-14 574
constexpr size_t kMaxRemembered = 64;           // gcc nests one, hand-written assembly two

enum : uint8_t {
  kHighBits = 0xc0,
  kLowBits = 0x3f,
  kAdvanceLoc = 0x40,  // the high two bits; the low six are the operand
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kNegateRaStateWithPc = 0x2c,        // arm64: as the next one
  kNegateRaState = 0x2d,              // arm64: the return address is signed from here on, or no longer; stripped when
                                      // read, so it does not matter here
  kGnuArgsSize = 0x2e,                // for unwinding by exceptions only
  kGnuNegativeOffsetExtended = 0x2f,  // old PowerPC compilers
};

// Operands are read first and looked at once all of them are there.
#define READ(call) \
  if (!(call)) return Fault::cut_off

// Offsets from a file wrap round as two's complement: absurd ones do not fit in a rule, which is found out later.
int64_t scaled(uint64_t factor, int64_t alignment) {
  return static_cast<int64_t>(factor * static_cast<uint64_t>(alignment));
}

uint16_t register_number(uint64_t number) {
  return number < kNoRegister ? static_cast<uint16_t>(number) : kNoRegister;
}

// What can be wrong with instructions. Millions are run, so an Error is made only of the one that ends a run.
enum class Fault {
  none,
  cut_off,
  unknown,
  half_of_nothing,
  nothing_remembered,
  too_many_remembered,
  backwards,
  too_long
};

Error error_of(Fault fault) {
  switch (fault) {
    case Fault::none:
    case Fault::cut_off:
      return fail(Errc::truncated, "a call frame instruction is cut off");
    case Fault::unknown:
      return fail(Errc::unsupported, "a call frame instruction that nobody knows");
    case Fault::half_of_nothing:
      return fail(Errc::malformed, "half of a CFA where there was none");
    case Fault::nothing_remembered:
      return fail(Errc::malformed, "no state was remembered");
    case Fault::too_many_remembered:
      return fail(Errc::too_large, "more than {} states are remembered", kMaxRemembered);
    case Fault::backwards:
      return fail(Errc::malformed, "rows go backwards");
    case Fault::too_long:
      return fail(Errc::too_large, "a function of more than {} rows", kMaxRowsOfFunction);
  }
  return fail(Errc::malformed, "a call frame instruction");
}

}  // namespace

// One run over the instructions of a CIE or an FDE.
class CfiRunner::Execution {
 public:
  Execution(CfiRunner& runner, const Cie& cie, const State& initial)
      : registers_(runner.registers_),
        remembered_(runner.remembered_),
        return_register_(cie.return_register),
        data_alignment_(cie.data_alignment),
        initial_(initial),
        state_(initial) {
    remembered_.clear();
  }

  const State& state() const { return state_; }
  Fault step(uint8_t code, Bytes& in);

 private:
  Fault extended_step(uint8_t code, Bytes& in);
  // The rule of a register, or null when it is none of those that matter here.
  RegisterRule* rule_of(uint64_t reg) {
    if (reg == registers_.fp) return &state_.fp;
    if (reg == return_register_) return &state_.ra;
    return nullptr;
  }
  void set(uint64_t reg, RegisterRule rule) {
    if (RegisterRule* target = rule_of(reg)) *target = rule;
  }
  void restore(uint64_t reg) {
    if (reg == registers_.fp)
      state_.fp = initial_.fp;
    else if (reg == return_register_)
      state_.ra = initial_.ra;
  }
  void set_cfa(uint64_t reg, int64_t offset) {
    for (CfaRule* cfa : {&state_.cfa, &state_.plain_cfa}) {
      cfa->kind = CfaRule::Kind::register_offset;
      cfa->reg = register_number(reg);
      cfa->offset = offset;
      cfa->addend = 0;
    }
  }

  const UnwindRegisters registers_;
  std::vector<State>& remembered_;
  const uint64_t return_register_;
  const int64_t data_alignment_;
  const State& initial_;
  State state_;
};

// The few instructions that compilers write most of the time.
[[gnu::always_inline]] inline Fault CfiRunner::Execution::step(uint8_t code, Bytes& in) {
  uint64_t number;
  if ((code & kHighBits) == kOffset) {
    READ(in.uleb128_into(number));
    set(code & kLowBits, {RegisterRule::Kind::cfa_offset, 0, scaled(number, data_alignment_)});
    return Fault::none;
  }
  if ((code & kHighBits) == kRestore) {
    restore(code & kLowBits);
    return Fault::none;
  }
  switch (code) {
    case kNop:
      return Fault::none;
    case kDefCfaOffset:
      READ(in.uleb128_into(number));
      if (state_.plain_cfa.kind == CfaRule::Kind::none) return Fault::half_of_nothing;
      set_cfa(state_.plain_cfa.reg, static_cast<int64_t>(number));
      return Fault::none;
    case kRememberState:
      if (remembered_.size() >= kMaxRemembered) return Fault::too_many_remembered;
      remembered_.push_back(state_);
      return Fault::none;
    case kRestoreState:
      if (remembered_.empty()) return Fault::nothing_remembered;
      state_ = remembered_.back();
      remembered_.pop_back();
      return Fault::none;
    default:
      return extended_step(code, in);
  }
}

Fault CfiRunner::Execution::extended_step(uint8_t code, Bytes& in) {
  using Kind = RegisterRule::Kind;
  uint64_t reg, number;
  int64_t offset;
  Bytes block;
  switch (code) {
    case kNegateRaState:
    case kNegateRaStateWithPc:
      return Fault::none;
    case kGnuArgsSize:
      READ(in.uleb128_into(number));
      return Fault::none;

    case kDefCfa:
      READ(in.uleb128_into(reg) && in.uleb128_into(number));
      set_cfa(reg, static_cast<int64_t>(number));
      return Fault::none;
    case kDefCfaSf:
      READ(in.uleb128_into(reg) && in.sleb128_into(offset));
      set_cfa(reg, scaled(static_cast<uint64_t>(offset), data_alignment_));
      return Fault::none;
    // After an expression the register and offset before it are what is half replaced. DWARF forbids that, but
    // libgcrypt 1.10's SHA code does it, and libgcc and readelf agree on what it means.
    case kDefCfaRegister:
      READ(in.uleb128_into(reg));
      if (state_.plain_cfa.kind == CfaRule::Kind::none) return Fault::half_of_nothing;
      set_cfa(reg, state_.plain_cfa.offset);
      return Fault::none;
    case kDefCfaOffsetSf:
      READ(in.sleb128_into(offset));
      if (state_.plain_cfa.kind == CfaRule::Kind::none) return Fault::half_of_nothing;
      set_cfa(state_.plain_cfa.reg, scaled(static_cast<uint64_t>(offset), data_alignment_));
      return Fault::none;
    case kDefCfaExpression:
      READ(in.uleb128_into(number) && in.take_into(number, block));
      state_.cfa = cfa_rule_of_expression(block, registers_);
      return Fault::none;

    case kOffsetExtended:
      READ(in.uleb128_into(reg) && in.uleb128_into(number));
      set(reg, {Kind::cfa_offset, 0, scaled(number, data_alignment_)});
      return Fault::none;
    case kOffsetExtendedSf:
      READ(in.uleb128_into(reg) && in.sleb128_into(offset));
      set(reg, {Kind::cfa_offset, 0, scaled(static_cast<uint64_t>(offset), data_alignment_)});
      return Fault::none;
    case kGnuNegativeOffsetExtended:
      READ(in.uleb128_into(reg) && in.uleb128_into(number));
      set(reg, {Kind::cfa_offset, 0, scaled(0 - number, data_alignment_)});
      return Fault::none;
    case kValOffset:
      READ(in.uleb128_into(reg) && in.uleb128_into(number));
      set(reg, {Kind::cfa_value, 0, scaled(number, data_alignment_)});
      return Fault::none;
    case kValOffsetSf:
      READ(in.uleb128_into(reg) && in.sleb128_into(offset));
      set(reg, {Kind::cfa_value, 0, scaled(static_cast<uint64_t>(offset), data_alignment_)});
      return Fault::none;
    case kRestoreExtended:
      READ(in.uleb128_into(reg));
      restore(reg);
      return Fault::none;
    case kUndefined:
      READ(in.uleb128_into(reg));
      set(reg, {Kind::undefined});
      return Fault::none;
    case kSameValue:
      READ(in.uleb128_into(reg));
      set(reg, {Kind::same});
      return Fault::none;
    case kRegister:
      READ(in.uleb128_into(reg) && in.uleb128_into(number));
      set(reg, {Kind::other_register, register_number(number)});
      return Fault::none;
    case kExpression:
      READ(in.uleb128_into(reg) && in.uleb128_into(number) && in.take_into(number, block));
      set(reg, register_rule_of_expression(block));
      return Fault::none;
    case kValExpression:
      READ(in.uleb128_into(reg) && in.uleb128_into(number) && in.take_into(number, block));
      set(reg, {Kind::value});
      return Fault::none;
    default:
      return Fault::unknown;
  }
}

#undef READ

Result<CfiRunner::State> CfiRunner::run_cie(const Cie& cie) {
  const State nothing;
  Execution execution(*this, cie, nothing);
  Bytes in = cie.instructions;
  uint8_t code;
  while (in.read_into(code))
    if (const Fault fault = execution.step(code, in); fault != Fault::none) return error_of(fault);
  return execution.state();
}

template <typename EndRow>
Result<> CfiRunner::run_fde(const Fde& fde, EndRow end_row) {
  const Cie& cie = *fde.cie;
  if (cie.number >= initial_.size()) initial_.resize(cie.number + 1);
  if (!initial_[cie.number]) initial_[cie.number] = TRY(run_cie(cie));
  Execution execution(*this, cie, *initial_[cie.number]);
  const uint64_t end = fde.start.value + fde.size;
  uint64_t at = fde.start.value;
  size_t rows = 0;
  Bytes in = fde.instructions;
  uint8_t code;
  while (in.read_into(code)) {
    uint64_t next;
    if ((code & kHighBits) == kAdvanceLoc) {
      next = at + (code & kLowBits) * cie.code_alignment;
    } else if (code == kAdvanceLoc1) {
      uint8_t delta;
      if (!in.read_into(delta)) return error_of(Fault::cut_off);
      next = at + delta * cie.code_alignment;
    } else if (code == kAdvanceLoc2) {
      uint16_t delta;
      if (!in.read_into(delta)) return error_of(Fault::cut_off);
      next = at + delta * cie.code_alignment;
    } else if (code == kAdvanceLoc4) {
      uint32_t delta;
      if (!in.read_into(delta)) return error_of(Fault::cut_off);
      next = at + delta * cie.code_alignment;
    } else if (code == kSetLoc) {
      const ElfAddress here(fde.instructions_address.value + in.position());
      next = TRY(read_encoded(in, cie.fde_encoding, here)).value;
    } else {
      if (const Fault fault = execution.step(code, in); fault != Fault::none) [[unlikely]]
        return error_of(fault);
      continue;
    }
    if (next < at) return error_of(Fault::backwards);
    if (next >= end) break;  // what follows would be about other functions
    if (next > at) {
      end_row(at, execution.state());
      if (++rows >= kMaxRowsOfFunction) return error_of(Fault::too_long);
    }
    at = next;
  }
  end_row(at, execution.state());
  return Ok{};
}

Result<> CfiRunner::run(const Fde& fde, std::vector<Row>& rows) {
  rows.clear();
  auto done = run_fde(fde, [&](uint64_t at, const State& state) {
    rows.push_back({ElfAddress(at), state.cfa, state.fp, state.ra, fde.cie->signal});
  });
  if (!done) rows.clear();
  return done;
}

Result<> CfiRunner::run(const Fde& fde, std::vector<RuleRow>& rows) {
  rows.clear();
  auto done = run_fde(fde, [&](uint64_t at, const State& state) {
    const sp_rule rule = to_rule(state.cfa, state.fp, state.ra, fde.cie->signal, machine_);
    rows.push_back({static_cast<uint32_t>(at - fde.start.value), rule_word(rule)});
  });
  if (!done) rows.clear();
  return done;
}

}  // namespace splitprof
