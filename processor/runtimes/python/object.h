// SPDX-License-Identifier: Apache-2.0
//
// PythonObject: the first bytes of an object in a process's memory, and what follows them. Most strings and tables are
// short, so that one read brings header and content; a worker's, on its stack, for one object at a time.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "processor/elf/bytes.h"
#include "processor/runtimes/process_memory.h"

namespace splitprof {

class PythonObject {
 public:
  // Reads at least `header` bytes (<= kMostHeader).
  static constexpr size_t kMostHeader = 512;
  Result<> read(ProcessMemory& memory, uint64_t address, size_t header);

  // A field of the header.
  template <typename T>
  Result<T> field(size_t offset) const {
    Bytes at = TRY(Bytes(head()).sub(offset, sizeof(T)));
    return at.read<T>();
  }
  // `size` bytes of the header.
  Result<Bytes> fields(size_t offset, size_t size) const { return Bytes(head()).sub(offset, size); }
  // `size` bytes from `offset` on, which may lie past what was read so far; valid as long as this object.
  Result<Bytes> content(ProcessMemory& memory, size_t offset, size_t size);

 private:
  std::span<const std::byte> head() const { return std::span(head_).first(size_); }

  uint64_t address_ = 0;
  size_t size_ = 0;
  std::array<std::byte, kMostHeader> head_;
  std::vector<std::byte> content_;
};

}  // namespace splitprof
