// SPDX-License-Identifier: Apache-2.0
//
// A copy of this process's own stack, made as BPF makes it: registers, and bytes from the stack pointer on; and what
// libgcc's unwinder says of the same stack.
#pragma once

#include <sys/uio.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace splitprof {

struct Snapshot {
  std::vector<uint64_t> registers;
  uint64_t address = 0;
  std::vector<std::byte> bytes;
  std::vector<uint64_t> oracle;  // return addresses, leaf first; the first one is another than ours
};

// The copy begins in the caller of this function; `most_bytes` of it.
__attribute__((noinline)) inline void take(Snapshot& snapshot, size_t most_bytes) {
  uint64_t pc, sp, fp, bx, r12, r13, r14, r15;
  asm volatile("lea 0(%%rip), %0\n mov %%rsp, %1\n mov %%rbp, %2" : "=r"(pc), "=r"(sp), "=r"(fp));
  asm volatile("mov %%rbx, %0\n mov %%r12, %1\n mov %%r13, %2\n mov %%r14, %3\n mov %%r15, %4"
               : "=m"(bx), "=m"(r12), "=m"(r13), "=m"(r14), "=m"(r15));
  snapshot.registers = {0, 0, 0, bx, 0, 0, fp, sp, 0, 0, 0, 0, r12, r13, r14, r15, pc};
  snapshot.address = sp;
  snapshot.bytes.resize(most_bytes);
  size_t got = 0;
  while (got < most_bytes) {  // page by page, as there may be less
    const size_t n = std::min(most_bytes - got, 4096 - (sp + got) % 4096);
    iovec here{snapshot.bytes.data() + got, n}, there{reinterpret_cast<void*>(sp + got), n};
    if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != static_cast<ssize_t>(n)) break;
    got += n;
  }
  snapshot.bytes.resize(got);
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* oracle) {
        if (_Unwind_GetIP(context) != 0) static_cast<std::vector<uint64_t>*>(oracle)->push_back(_Unwind_GetIP(context));
        return _URC_NO_REASON;
      },
      &snapshot.oracle);
  asm volatile("" ::: "memory");  // no tail call
}

__attribute__((noinline)) inline void recurse(int depth, Snapshot& snapshot, size_t most_bytes) {
  if (depth == 0)
    take(snapshot, most_bytes);
  else
    recurse(depth - 1, snapshot, most_bytes);
  asm volatile("" ::: "memory");  // no tail call
}

}  // namespace splitprof
