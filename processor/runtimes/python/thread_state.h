// SPDX-License-Identifier: Apache-2.0
//
// Where a thread of CPython keeps its state, found once per file: a variable of its own (3.12 on), a pthread key, and
// the pointer to the GIL holder's state (up to 3.11). Exported functions return them, so their code says where they
// are; tables by version stand in where it does not. A worker's.
#pragma once

#include <cstdint>
#include <optional>

#include "processor/ingest/runtime_value.h"
#include "processor/runtimes/process_memory.h"
#include "processor/runtimes/python/symbols.h"
#include "processor/runtimes/python/version.h"

namespace splitprof {

// A variable of the file, perhaps by way of a word of its GOT.
struct FilePlace {
  ElfAddress base;
  bool through = false;  // `base` holds the address that `offset` is counted from
  int64_t offset = 0;    // bytes
  friend bool operator==(const FilePlace&, const FilePlace&) = default;

  // In a process that maps the file with that bias. not_found: the word is not set yet.
  Result<uint64_t> resolve(uint64_t bias, ProcessMemory& memory) const;
};

struct PythonStatePlaces {
  enum class Tls : uint8_t {
    none,
    offset,      // `tls_value` bytes from the thread pointer
    got_offset,  // as many as the word at `tls_value` says
    got_pair,    // module and offset at `tls_value`, and `tls_distance` more
    descriptor,  // a TLS descriptor at `tls_value`
  };
  Tls tls = Tls::none;
  uint64_t tls_value = 0;           // an address of the file, or a signed offset
  uint16_t tls_distance = 0;        // bytes
  std::optional<FilePlace> key;     // the int that is the key
  std::optional<FilePlace> holder;  // the pointer to the GIL holder's state
  friend bool operator==(const PythonStatePlaces&, const PythonStatePlaces&) = default;
};

// unsupported: none of the three was found.
Result<PythonStatePlaces> find_thread_state(const ElfFile& file, const PythonSymbols& symbols,
                                            const PythonVersion& version);

// For the kernel. not_found: not set yet; unsupported: a descriptor that is no plain offset.
Result<ThreadLocal> resolve_tls(const PythonStatePlaces& places, uint64_t bias, ProcessMemory& memory);

}  // namespace splitprof
