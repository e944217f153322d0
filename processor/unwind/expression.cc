// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/expression.h"

#include <algorithm>
#include <array>

namespace splitprof {
namespace {

// DW_OP_*
constexpr uint8_t kDeref = 0x06;
constexpr uint8_t kPlusUconst = 0x23;
constexpr uint8_t kFirstBreg = 0x70;
constexpr uint8_t kLastBreg = 0x8f;

// After `breg7 8`, what ld writes for the procedure linkage table: 16 bytes an entry, in which the relocation's number
// is pushed before byte 11 (bfd/elfxx-x86.c of binutils 2.40). An entry with endbr64 says 10 in place of 11, and has
// no instruction that begins at byte 10: the two mean the same.
//   breg16 0; lit15; and; lit11; ge; lit3; shl; plus
constexpr std::array<uint8_t, 9> kPlt = {0x80, 0x00, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
constexpr size_t kPltThreshold = 4;  // index of lit11
constexpr uint8_t kLit10 = 0x3a;

constexpr uint16_t kX86StackPointer = 7;

bool is_plt(Bytes rest) {
  if (rest.remaining() != kPlt.size()) return false;
  for (size_t i = 0; i < kPlt.size(); ++i) {
    const uint8_t byte = rest.read<uint8_t>().value();
    if (byte != kPlt[i] && !(i == kPltThreshold && byte == kLit10)) return false;
  }
  return true;
}

struct BaseRegister {
  uint16_t reg;
  int64_t offset;
};

// `bregN offset`, with which all of them begin.
Result<BaseRegister> read_base(Bytes& in) {
  const auto code = TRY(in.read<uint8_t>());
  if (code < kFirstBreg || code > kLastBreg) return fail(Errc::unsupported, "operation {:#x}", code);
  return BaseRegister{static_cast<uint16_t>(code - kFirstBreg), TRY(in.sleb128())};
}

// `deref`, or `deref; plus_uconst N`, and no more.
Result<> read_deref(Bytes& in, CfaRule& rule) {
  if (TRY(in.read<uint8_t>()) != kDeref) return fail(Errc::unsupported, "not a load");
  if (in.at_end()) return Ok{};
  if (TRY(in.read<uint8_t>()) != kPlusUconst) return fail(Errc::unsupported, "not a sum");
  rule.addend = TRY(in.uleb128());
  if (!in.at_end()) return fail(Errc::unsupported, "more than a sum");
  return Ok{};
}

}  // namespace

CfaRule cfa_rule_of_expression(Bytes expression, const UnwindRegisters& registers) {
  const CfaRule other{.kind = CfaRule::Kind::expression};
  const auto base = read_base(expression);
  if (!base) return other;
  if (base->reg == kX86StackPointer && registers.sp == kX86StackPointer && is_plt(expression))
    return {CfaRule::Kind::plt, base->reg, base->offset};
  CfaRule rule{.kind = CfaRule::Kind::deref, .reg = base->reg, .offset = base->offset};
  return read_deref(expression, rule) ? rule : other;
}

RegisterRule register_rule_of_expression(Bytes expression) {
  const auto base = read_base(expression);
  if (!base || !expression.at_end()) return {.kind = RegisterRule::Kind::expression};
  return {RegisterRule::Kind::at_register, base->reg, base->offset};
}

}  // namespace splitprof
