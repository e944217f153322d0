// SPDX-License-Identifier: Apache-2.0
//
// PythonWorld: a process that runs Python scripts, in fake memory: native frames linked by frame pointers, some of them
// in the interpreter's loop, and interpreters' frames, code objects and thread states, laid out as a test's runtime
// value says. Walks it with BPF's own steps and tells what they found, as text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/python.h"
#include "tests/bpf/host_world.h"

namespace splitprof {

class PythonWorld {
 public:
  static constexpr uint64_t kCode = 0x10000;  // C functions, 256 bytes each
  static constexpr uint64_t kLoop = 0x20000;  // of interpreter 0; the others' follow, kLoopBytes apart
  static constexpr uint64_t kLoopBytes = 0x1000;
  static constexpr uint64_t kPending = 0x80000;  // code whose table is still being made
  static constexpr uint64_t kNowhere = 0x90000;  // code of no mapping
  static constexpr uint64_t kMemory = 0x7f0000000000;
  static constexpr uint64_t kThreadPointer = kMemory + 0x1000;
  static constexpr int64_t kThreadLocal = -16;  // from the thread pointer: where the thread's state is

  PythonWorld();

  // A value as the processor would make it, with made-up offsets; its thread's state is found by SP_TLS_OFFSET.
  static sp_runtime value(sp_python_boundary boundary, int interpreter = 0);

  // Memory: `bytes` of zeros at an address that is a multiple of 16; what follows it cannot be read.
  uint64_t allocate(size_t bytes);
  void write64(uint64_t address, uint64_t word) { write(address, &word, 8); }
  void write32(uint64_t address, uint32_t word) { write(address, &word, 4); }
  void write8(uint64_t address, uint8_t byte) { write(address, &byte, 1); }
  uint64_t read64(uint64_t address);

  // A code object with bytes of its own.
  uint64_t add_code(const sp_runtime& runtime);
  // What a check word of it has to be, made without BPF's code.
  uint32_t check_of(const sp_runtime& runtime, uint64_t code);
  // A frame that is `units` into its code; `boundary`: the flag or the owner.
  uint64_t add_frame(const sp_runtime& runtime, uint64_t code, uint32_t units, uint8_t boundary = 0);
  // Frames, innermost first, each the caller of the one before; the last one's caller is `end`.
  void link(const sp_runtime& runtime, std::span<const uint64_t> frames, uint64_t end = 0);
  // A thread's state with its innermost frame; `thread`: whose it is.
  uint64_t add_state(const sp_runtime& runtime, uint64_t frame, uint64_t thread = kThreadPointer);
  // Several frames at once, named f0, f1, … in what `walk` says: one code object each, frame i is at position i.
  // `boundaries`: one each; owners of 3 and more have no name. The state becomes this thread's.
  std::vector<uint64_t> run(const sp_runtime& runtime, std::span<const uint8_t> boundaries, uint64_t end = 0);

  // Native frames, innermost first, of `bytes` each: variables, the caller's frame pointer, the return address. The
  // walk begins at the first one.
  void set_native(std::span<const uint64_t> pcs, size_t bytes = 16);
  uint64_t stack() const { return sp_; }  // where the first one begins
  static uint64_t c(int number) { return kCode + number * 0x100 + 0x10; }
  static uint64_t loop(int interpreter = 0, int number = 0) {
    return kLoop + interpreter * kLoopBytes + number * 0x100 + 0x10;
  }

  // Installs a value and gives the walk a reference to it.
  void install(const sp_runtime& runtime);

  // Walks. One word a frame: c0, loop, loop! (the run before it ended in its own frame), a:4711 (another address),
  // f0@7; [ before the first one of a run; f?: an unknown code object; error.
  std::string walk(uint32_t max_steps = SP_MAX_STEPS);
  uint64_t counted(sp_count counter) const { return world.counters[counter]; }
  std::span<const sp_cell> cells() const;

  HostWorld world;
  std::unique_ptr<sp_walk> state = std::make_unique<sp_walk>();
  std::vector<uint64_t> codes;  // of f0, f1, …
  std::vector<uint32_t> references;

 private:
  void write(uint64_t address, const void* from, size_t bytes);
  std::string name_of(const sp_cell& cell) const;

  std::vector<std::unique_ptr<std::vector<std::byte>>> pieces_;
  uint64_t next_ = kMemory + 0x2000;
  uint64_t pc_ = 0, sp_ = 0, fp_ = 0;
};

}  // namespace splitprof
