// SPDX-License-Identifier: Apache-2.0
//
// The contract of interpreters and managed runtimes: three questions, each an object. Runtime: is this executable mine,
// and which version is it? RuntimeFile: where are its structures in a process that maps it? RuntimeInstance: what is a
// frame called? All three are asked on workers, often several at once: they are immutable once made, and whatever they
// read of a process is hostile. docs/adding-a-runtime.md walks through it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "processor/elf/file.h"
#include "processor/ingest/runtime_value.h"
#include "processor/runtimes/function.h"
#include "processor/runtimes/process_memory.h"
#include "shared/result.h"

namespace splitprof {

// A frame as BPF recorded it.
struct InterpretedFrame {
  uint16_t flags = 0;  // enum sp_frame_flags
  uint32_t extra = 0;
  std::span<const uint64_t> words;
};

// What tells a frame's function from all others of the process, also from one that has taken its place in memory; and
// where in it the frame is. Made from the recorded words alone.
struct FunctionPlace {
  uint64_t object = 0;    // address
  uint64_t other = 0;     // a second one that the name or the file comes from; 0: none
  uint64_t check = 0;     // 0: not known
  uint32_t line = 0;      // where BPF has read that already; 0: the function's table says it
  uint32_t position = 0;  // in the runtime's own units
};

// Where a file is in a process.
struct RuntimePlace {
  uint64_t bias = 0;      // address in the process - ELF address
  ThreadStorage storage;  // of the process's C library
};

// One interpreter in one process.
class RuntimeInstance {
 public:
  virtual ~RuntimeInstance() = default;
  // For the kernel.
  virtual const RuntimeValue& value() const = 0;
  // The function of the object at that place, checked against what was recorded. not_found: another object has taken
  // its place; malformed: what is there makes no sense; gone: it cannot be read.
  virtual Result<Function> read_function(ProcessMemory& memory, const FunctionPlace& place) const = 0;
};

// An executable or library with the runtime in it.
class RuntimeFile {
 public:
  virtual ~RuntimeFile() = default;
  virtual std::string version() const = 0;  // "3.11.2"; as precise as the file tells
  // An error says why this process cannot be looked into; not_found: the interpreter has not begun yet, ask again.
  virtual Result<std::unique_ptr<RuntimeInstance>> locate(const RuntimePlace& place, ProcessMemory& memory) const = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual sp_runtime_kind kind() const = 0;
  virtual const char* name() const = 0;  // of its folder; "python"
  // Null: the file has nothing of it. An error: it has, but this version cannot be understood; says why.
  virtual Result<std::unique_ptr<RuntimeFile>> inspect(const ElfFile& file, const std::string& path) const = 0;
  // Of a frame that BPF recorded; nothing: the frame says only that frames are missing.
  virtual std::optional<FunctionPlace> place_of(const InterpretedFrame& frame) const = 0;
};

// Every runtime (all.cc).
std::span<const Runtime* const> all_runtimes();
// The one whose frames have that kind of bpf/abi.h; null: none.
const Runtime* find_runtime(uint8_t frame_kind);

}  // namespace splitprof
