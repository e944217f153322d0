// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/x86_code.h"

#include <Zydis/Zydis.h>

namespace splitprof {
namespace {

const ZydisDecoder& decoder() {
  static const ZydisDecoder made = [] {
    ZydisDecoder fresh;
    ZydisDecoderInit(&fresh, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return fresh;
  }();
  return made;
}

X86Register number_of(ZydisRegister reg) {
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) return kNoX86Register;
  return static_cast<X86Register>(ZydisRegisterGetId(whole));
}

X86Memory to_memory(const ZydisDecodedOperandMem& from, ElfAddress next) {
  X86Memory memory{.thread = from.segment == ZYDIS_REGISTER_FS,
                   .base = number_of(from.base),
                   .index = number_of(from.index),
                   .scale = from.scale,
                   .displacement = from.disp.has_displacement ? from.disp.value : 0};
  if (from.base == ZYDIS_REGISTER_RIP) memory.displacement += static_cast<int64_t>(next.value);
  return memory;
}

void read_source(const ZydisDecodedOperand& operand, X86Instruction& out) {
  switch (operand.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      out.from = number_of(operand.reg.value);
      if (out.from != kNoX86Register) out.source = X86Instruction::Source::reg;
      break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      out.memory = to_memory(operand.mem, out.next);
      out.source = X86Instruction::Source::memory;
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      out.immediate = operand.imm.value.s;
      out.source = X86Instruction::Source::immediate;
      break;
    default:
      break;
  }
}

void read_flow(const ZydisDecodedInstruction& instruction, const ZydisDecodedOperand& operand, X86Instruction& out) {
  if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand.imm.is_relative)
    out.target = ElfAddress(out.next.value + static_cast<uint64_t>(operand.imm.value.s));
  else
    read_source(operand, out);
  out.kind = instruction.meta.category == ZYDIS_CATEGORY_CALL      ? X86Instruction::Kind::call
             : instruction.meta.category == ZYDIS_CATEGORY_COND_BR ? X86Instruction::Kind::branch
                                                                   : X86Instruction::Kind::jump;
}

// `mov`, `lea` and `add` of a whole register; anything else stays Kind::other.
void read_move(const ZydisDecodedInstruction& instruction, std::span<const ZydisDecodedOperand> operands,
               X86Instruction& out) {
  const auto kind = instruction.mnemonic == ZYDIS_MNEMONIC_MOV   ? X86Instruction::Kind::move
                    : instruction.mnemonic == ZYDIS_MNEMONIC_LEA ? X86Instruction::Kind::load_address
                    : instruction.mnemonic == ZYDIS_MNEMONIC_ADD ? X86Instruction::Kind::add
                                                                 : X86Instruction::Kind::other;
  if (kind == X86Instruction::Kind::other || operands.size() < 2) return;
  if (operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER || (operands[0].size != 32 && operands[0].size != 64)) return;
  const X86Register to = number_of(operands[0].reg.value);
  if (to == kNoX86Register) return;
  read_source(operands[1], out);
  if (out.source == X86Instruction::Source::none) return;
  out.kind = kind;
  out.to = to;
  out.bytes = static_cast<uint8_t>(operands[0].size / 8);
}

}  // namespace

X86Code::X86Code(std::span<const std::byte> bytes, ElfAddress address) : bytes_(bytes), address_(address) {}

std::optional<X86Instruction> X86Code::at(ElfAddress address) const {
  if (!contains(address)) return std::nullopt;
  const auto rest = bytes_.subspan(address.value - address_.value);
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder(), rest.data(), rest.size(), &instruction, operands)))
    return std::nullopt;
  X86Instruction out{.address = address, .next = ElfAddress(address.value + instruction.length)};
  for (size_t i = 0; i < instruction.operand_count; ++i) {
    if (operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER || (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0)
      continue;
    const X86Register reg = number_of(operands[i].reg.value);
    if (reg != kNoX86Register) out.written |= 1u << reg;
  }
  switch (instruction.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
      read_flow(instruction, operands[0], out);
      break;
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_INTERRUPT:
      out.kind = X86Instruction::Kind::end;
      break;
    default:
      if (instruction.mnemonic == ZYDIS_MNEMONIC_UD2 || instruction.mnemonic == ZYDIS_MNEMONIC_HLT)
        out.kind = X86Instruction::Kind::end;
      else
        read_move(instruction, std::span(operands).first(instruction.operand_count), out);
  }
  return out;
}

}  // namespace splitprof
