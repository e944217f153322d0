// SPDX-License-Identifier: Apache-2.0
//
// What a short function of compiled code computes, followed symbolically: which variable it returns, or passes on as
// its first argument. Accessors such as PyGILState_GetThisThreadState say so where the variable is, in stripped files
// too. A worker's; bounded in instructions, whatever the code is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "processor/runtimes/x86_code.h"

namespace splitprof {

// A number that is not known before the process runs: what it is counted from, and `offset`.
struct X86Value {
  enum class Base : uint8_t {
    unknown,
    file,         // 0: `offset` is an address of the file
    thread,       // the thread pointer
    load,         // what load number `load` read
    thread_load,  // the thread pointer, and what load number `load` read
    tls_block,    // what __tls_get_addr() returns for the pair of words at file address `slot`
    tls_desc,     // what the TLS descriptor at file address `slot` returns, counted from the thread pointer
  };
  Base base = Base::unknown;
  uint32_t load = 0;
  uint64_t slot = 0;
  int64_t offset = 0;

  bool known() const { return base != Base::unknown; }
  bool is_file_address() const { return base == Base::file; }
};

struct X86Load {
  X86Value address;
  uint8_t bytes = 0;     // 4 or 8
  bool indexed = false;  // a register that is not known, times 8, was added to the address
};

struct X86Outcome {
  enum class End : uint8_t {
    returned,  // `value` is rax
    left,      // a call, or a jump to another function: `value` is rdi
  };
  End end = End::returned;
  X86Value value;
  std::vector<X86Load> loads;
};

struct X86Question {
  bool through_calls = false;  // a call with an address of the file as argument is one of __tls_get_addr()
  bool left_wanted =
      false;  // the outcome is the first known argument that it passes on; else what it loads and returns
};

// Follows `code` from its start, both ways at branches, up to the first outcome that is wanted.
std::optional<X86Outcome> follow_x86(const X86Code& code, const X86Question& question);

// Every load that is met on any way through `code`.
std::vector<X86Load> loads_of_x86(const X86Code& code);

}  // namespace splitprof
