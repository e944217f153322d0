// SPDX-License-Identifier: Apache-2.0
//
// ProcessMemory: bounded reads of a process's memory, for runtimes; a worker's, while it has the memory's descriptor.
// Whatever an address or length found there says is hostile: each read has a limit, and all reads for one question
// share a budget, so that no chain of pointers goes on for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "processor/ingest/input.h"
#include "shared/result.h"

namespace splitprof {

class ProcessMemory {
 public:
  static constexpr uint64_t kMaxReads = 512;       // for one question
  static constexpr uint64_t kMaxBytes = 4u << 20;  // for one question

  // `file`: the descriptor of AskMemory; longer-lived than this object.
  explicit ProcessMemory(ReadableFile& file) : file_(file) {}

  // Exactly into.size() bytes. gone: the process has ended, or nothing is mapped there; too_large: past the budget.
  Result<> read(uint64_t address, std::span<std::byte> into);
  template <typename T>
  Result<T> read(uint64_t address) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    TRY(read(address, std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
  // The next question's budget.
  void begin() { reads_ = bytes_ = 0; }

 private:
  ReadableFile& file_;
  uint64_t reads_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace splitprof
