// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/object.h"

#include <algorithm>

namespace splitprof {
namespace {

// Memory is mapped by whole pages of at least this size: up to the next one, nothing can be missing.
constexpr uint64_t kPageBytes = 4096;
constexpr size_t kReadAhead = 256;  // bytes

}  // namespace

Result<> PythonObject::read(ProcessMemory& memory, uint64_t address, size_t header) {
  if (header > kMostHeader) return fail(Errc::unsupported, "an object's header of {} bytes", header);
  const size_t in_page = std::min<uint64_t>(kReadAhead, kPageBytes - address % kPageBytes);
  address_ = address;
  size_ = std::max(header, in_page);
  return memory.read(address, std::span(head_).first(size_));
}

Result<Bytes> PythonObject::content(ProcessMemory& memory, size_t offset, size_t size) {
  if (offset <= size_ && size <= size_ - offset) return fields(offset, size);
  content_.resize(size);
  TRY(memory.read(address_ + offset, content_));
  return Bytes(content_);
}

}  // namespace splitprof
