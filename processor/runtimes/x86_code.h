// SPDX-License-Identifier: Apache-2.0
//
// The instructions of a piece of x86-64 code, one after another, reduced to what finding a variable or a function's
// other half needs: moves of whole registers, addresses, and where control goes. Zydis decodes; only this file knows
// it. Whatever the bytes are, a cursor ends after them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "shared/ids.h"

namespace splitprof {

// A general-purpose register by its number in the instruction set (Intel SDM, volume 2, table 2-2): 0 is rax, 7 is rdi.
using X86Register = uint8_t;
constexpr X86Register kRax = 0, kRdi = 7;
constexpr X86Register kNoX86Register = 0xff;

struct X86Memory {
  bool thread = false;  // counted from the thread pointer (fs)
  X86Register base = kNoX86Register;
  X86Register index = kNoX86Register;
  uint8_t scale = 0;
  int64_t displacement = 0;  // an address of the file where neither base nor index is; also what was relative to rip
};

struct X86Instruction {
  enum class Kind : uint8_t {
    other,
    move,          // to = the register `from`, `memory` or `immediate`
    load_address,  // to = the address of `memory`
    add,           // to += the register `from`, `memory` or `immediate`
    jump,          // goes to `target`, or through `memory` or a register
    branch,        // goes to `target`, or on
    call,
    end,  // returns, or traps: what follows is not reached from here
  };
  enum class Source : uint8_t { none, reg, memory, immediate };

  ElfAddress address;
  ElfAddress next;
  Kind kind = Kind::other;
  Source source = Source::none;
  X86Register to = kNoX86Register;
  X86Register from = kNoX86Register;
  uint8_t bytes = 0;     // of the operand: 4 or 8; 4 clears the upper half of `to`
  uint32_t written = 0;  // a bit for each general-purpose register that it changes
  int64_t immediate = 0;
  X86Memory memory;
  std::optional<ElfAddress> target;  // of a direct jump, branch or call
};

class X86Code {
 public:
  // `bytes` is mapped at `address`, and outlives this object.
  X86Code(std::span<const std::byte> bytes, ElfAddress address);
  // The instruction at `address`; nothing: it lies outside, is cut off, or is none.
  std::optional<X86Instruction> at(ElfAddress address) const;

  ElfAddress start() const { return address_; }
  ElfAddress end() const { return ElfAddress(address_.value + bytes_.size()); }
  bool contains(ElfAddress address) const { return address.value - address_.value < bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  ElfAddress address_;
};

}  // namespace splitprof
