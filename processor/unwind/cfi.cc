// SPDX-License-Identifier: Apache-2.0
//
// Instructions: DWARF 5, sections 6.4.2 and 7.24 (table 7.29); expressions: sections 2.5 and 7.7.
#include "processor/unwind/cfi.h"

#include "processor/unwind/expression.h"

namespace splitprof {
namespace {

constexpr size_t kMaxRowsOfFunction = 1 << 18;  // node 20 has 894 at most, libLLVM-14 574
constexpr size_t kMaxRemembered = 64;           // gcc nests one, hand-written assembly two

enum : uint8_t {
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

// Offsets from a file wrap round as two's complement: absurd ones do not fit in a rule, which is found out later.
int64_t scaled(uint64_t factor, int64_t alignment) {
  return static_cast<int64_t>(factor * static_cast<uint64_t>(alignment));
}

uint16_t register_number(uint64_t number) {
  return number < kNoRegister ? static_cast<uint16_t>(number) : kNoRegister;
}

}  // namespace

UnwindRegisters unwind_registers(Machine machine) {
  return machine == Machine::x86_64 ? UnwindRegisters{.fp = 6, .sp = 7} : UnwindRegisters{.fp = 29, .sp = 31};
}

// One run over the instructions of a CIE or an FDE.
class CfiRunner::Execution {
 public:
  Execution(CfiRunner& runner, const Cie& cie, const State& initial)
      : registers_(runner.registers_), remembered_(runner.remembered_), cie_(cie), initial_(initial), state_(initial) {
    remembered_.clear();
  }

  Result<State> run_cie();
  Result<> run_fde(const Fde& fde, std::vector<Row>& rows);

 private:
  Result<> step(uint8_t code, Bytes& in);
  // The rule of a register, or null when it is none of those that matter here.
  RegisterRule* rule_of(uint64_t reg, State& state) const {
    if (reg == registers_.fp) return &state.fp;
    if (reg == cie_.return_register) return &state.ra;
    return nullptr;
  }
  void set(uint64_t reg, RegisterRule rule) {
    if (RegisterRule* target = rule_of(reg, state_)) *target = rule;
  }
  void restore(uint64_t reg) {
    if (RegisterRule* target = rule_of(reg, state_)) *target = *rule_of(reg, const_cast<State&>(initial_));
  }

  const UnwindRegisters registers_;
  std::vector<State>& remembered_;
  const Cie& cie_;
  const State& initial_;
  State state_;
};

Result<> CfiRunner::Execution::step(uint8_t code, Bytes& in) {
  using RegisterKind = RegisterRule::Kind;
  const int64_t alignment = cie_.data_alignment;
  if ((code & 0xc0) == kOffset) {
    set(code & 0x3f, {RegisterKind::cfa_offset, 0, scaled(TRY(in.uleb128()), alignment)});
    return Ok{};
  }
  if ((code & 0xc0) == kRestore) {
    restore(code & 0x3f);
    return Ok{};
  }
  switch (code) {
    case kNop:
    case kNegateRaState:
    case kNegateRaStateWithPc:
      return Ok{};
    case kGnuArgsSize:
      TRY(in.uleb128());
      return Ok{};

    case kDefCfa: {
      const auto reg = register_number(TRY(in.uleb128()));
      state_.cfa = state_.plain_cfa = {CfaRule::Kind::register_offset, reg, static_cast<int64_t>(TRY(in.uleb128()))};
      return Ok{};
    }
    case kDefCfaSf: {
      const auto reg = register_number(TRY(in.uleb128()));
      state_.cfa = state_.plain_cfa = {CfaRule::Kind::register_offset, reg,
                                       scaled(static_cast<uint64_t>(TRY(in.sleb128())), alignment)};
      return Ok{};
    }
    case kDefCfaRegister:
    case kDefCfaOffset:
    case kDefCfaOffsetSf: {
      // After an expression the register and offset before it are what is half replaced. DWARF forbids that, but
      // libgcrypt 1.10's SHA code does it, and libgcc and readelf agree on what it means.
      CfaRule& cfa = state_.plain_cfa;
      if (cfa.kind == CfaRule::Kind::none) return fail(Errc::malformed, "half of a CFA where there was none");
      if (code == kDefCfaRegister) cfa.reg = register_number(TRY(in.uleb128()));
      if (code == kDefCfaOffset) cfa.offset = static_cast<int64_t>(TRY(in.uleb128()));
      if (code == kDefCfaOffsetSf) cfa.offset = scaled(static_cast<uint64_t>(TRY(in.sleb128())), alignment);
      state_.cfa = cfa;
      return Ok{};
    }
    case kDefCfaExpression:
      state_.cfa = cfa_rule_of_expression(TRY(in.take_block()), registers_);
      return Ok{};

    case kOffsetExtended: {
      const auto reg = TRY(in.uleb128());
      set(reg, {RegisterKind::cfa_offset, 0, scaled(TRY(in.uleb128()), alignment)});
      return Ok{};
    }
    case kOffsetExtendedSf: {
      const auto reg = TRY(in.uleb128());
      set(reg, {RegisterKind::cfa_offset, 0, scaled(static_cast<uint64_t>(TRY(in.sleb128())), alignment)});
      return Ok{};
    }
    case kGnuNegativeOffsetExtended: {
      const auto reg = TRY(in.uleb128());
      set(reg, {RegisterKind::cfa_offset, 0, scaled(0 - TRY(in.uleb128()), alignment)});
      return Ok{};
    }
    case kValOffset: {
      const auto reg = TRY(in.uleb128());
      set(reg, {RegisterKind::cfa_value, 0, scaled(TRY(in.uleb128()), alignment)});
      return Ok{};
    }
    case kValOffsetSf: {
      const auto reg = TRY(in.uleb128());
      set(reg, {RegisterKind::cfa_value, 0, scaled(static_cast<uint64_t>(TRY(in.sleb128())), alignment)});
      return Ok{};
    }
    case kRestoreExtended:
      restore(TRY(in.uleb128()));
      return Ok{};
    case kUndefined:
      set(TRY(in.uleb128()), {RegisterKind::undefined});
      return Ok{};
    case kSameValue:
      set(TRY(in.uleb128()), {RegisterKind::same});
      return Ok{};
    case kRegister: {
      const auto reg = TRY(in.uleb128());
      set(reg, {RegisterKind::other_register, register_number(TRY(in.uleb128()))});
      return Ok{};
    }
    case kExpression: {
      const auto reg = TRY(in.uleb128());
      set(reg, register_rule_of_expression(TRY(in.take_block())));
      return Ok{};
    }
    case kValExpression: {
      const auto reg = TRY(in.uleb128());
      TRY(in.take_block());
      set(reg, {RegisterKind::value});
      return Ok{};
    }

    case kRememberState:
      if (remembered_.size() >= kMaxRemembered) return fail(Errc::too_large, "too many states are remembered");
      remembered_.push_back(state_);
      return Ok{};
    case kRestoreState:
      if (remembered_.empty()) return fail(Errc::malformed, "no state was remembered");
      state_ = remembered_.back();
      remembered_.pop_back();
      return Ok{};
    default:
      return fail(Errc::unsupported, "call frame instruction {:#x}", code);
  }
}

Result<CfiRunner::State> CfiRunner::Execution::run_cie() {
  Bytes in = cie_.instructions;
  while (!in.at_end()) {
    const auto code = TRY(in.read<uint8_t>());
    TRY(step(code, in));
  }
  return state_;
}

Result<> CfiRunner::Execution::run_fde(const Fde& fde, std::vector<Row>& rows) {
  const uint64_t end = fde.start.value + fde.size;
  uint64_t at = fde.start.value;
  const auto end_row = [&] { rows.push_back({ElfAddress(at), state_.cfa, state_.fp, state_.ra, cie_.signal}); };
  Bytes in = fde.instructions;
  while (!in.at_end()) {
    const uint64_t code_address = fde.instructions_address.value + in.position();
    const auto code = TRY(in.read<uint8_t>());
    uint64_t next;
    if ((code & 0xc0) == kAdvanceLoc) {
      next = at + (code & 0x3f) * cie_.code_alignment;
    } else if (code == kAdvanceLoc1) {
      next = at + TRY(in.read<uint8_t>()) * cie_.code_alignment;
    } else if (code == kAdvanceLoc2) {
      next = at + TRY(in.read<uint16_t>()) * cie_.code_alignment;
    } else if (code == kAdvanceLoc4) {
      next = at + TRY(in.read<uint32_t>()) * cie_.code_alignment;
    } else if (code == kSetLoc) {
      next = TRY(read_encoded(in, cie_.fde_encoding, ElfAddress(code_address + 1))).value;
    } else {
      TRY(step(code, in));
      continue;
    }
    if (next < at) return fail(Errc::malformed, "rows go backwards");
    if (next >= end) break;  // what follows would be about other functions
    if (next > at) end_row();
    if (rows.size() >= kMaxRowsOfFunction) return fail(Errc::too_large, "a function of {} rows", rows.size());
    at = next;
  }
  end_row();
  return Ok{};
}

Result<CfiRunner::State> CfiRunner::initial_state(const Cie& cie) {
  if (cie.number >= initial_.size()) {
    initial_.resize(cie.number + 1);
  }
  if (!initial_[cie.number]) {
    const State nothing;
    initial_[cie.number] = TRY(Execution(*this, cie, nothing).run_cie());
  }
  return *initial_[cie.number];
}

Result<> CfiRunner::run(const Fde& fde, std::vector<Row>& rows) {
  rows.clear();
  const State initial = TRY(initial_state(*fde.cie));
  auto done = Execution(*this, *fde.cie, initial).run_fde(fde, rows);
  if (!done) rows.clear();
  return done;
}

}  // namespace splitprof
